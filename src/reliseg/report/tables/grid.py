"""Which numbers stand where: rows and columns by model, domain, calibration, score, class and metric."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from reliseg.errors import ConfigError, shortlist, suggestion
from reliseg.report.charts.records import NO_CALIBRATION
from reliseg.report.figures.choice import score_of
from reliseg.report.selection import pick_rows, row_names
from reliseg.report.table import parts_of_means
from reliseg.results import Row

AXES = ("model", "domain", "calibration", "score", "class", "metric")
USUAL = ("miou", "ece", "prr")
"""The metrics of a table where a user names none."""
USUAL_OF_CLASSES = ("iou",)

Key = tuple[str, ...]


@dataclass(frozen=True)
class Wanted:
    """What a user has named: the axes of rows and columns, and the names along each axis, in their order."""

    rows: Sequence[str] = ()
    columns: Sequence[str] = ()
    names: Mapping[str, Sequence[str]] | None = None

    def of(self, axis: str) -> Sequence[str]:
        """Return the names along an axis; an empty list leaves it to the defaults."""
        return (self.names or {}).get(axis, ())


@dataclass(frozen=True, eq=False)
class Grid:
    """The rows and columns of a table, by the values of their axes, and the number in each cell that has one.

    `shared` is what all numbers have in common; `notes` are lines about what was chosen where a name may mean several.
    """

    row_axes: Key
    column_axes: Key
    row_keys: tuple[Key, ...]
    column_keys: tuple[Key, ...]
    cells: Mapping[tuple[Key, Key], Row]
    shared: Mapping[str, str]
    notes: tuple[str, ...]


def grid_of(rows: Sequence[Row], wanted: Wanted) -> Grid:
    """Return the table that is wanted; a ConfigError says what the rows have not, or what is ambiguous."""
    for axis in (*wanted.rows, *wanted.columns):
        if axis not in AXES:
            raise ConfigError(f"table: nothing is called {axis!r} that rows or columns go by; {suggestion(axis, AXES)}")
        if [*wanted.rows, *wanted.columns].count(axis) > 1:
            raise ConfigError(f"table: {axis} stands twice in --rows and --columns; name it once")
    picked = _picked(rows, wanted)
    values = {axis: _values(picked, axis, wanted) for axis in AXES}
    row_axes, column_axes = _axes(values, wanted)
    picked = _narrowed(picked, values, {*row_axes, *column_axes}, wanted)
    cells, notes = _cells(picked, row_axes, column_axes)
    used = {axis: [v for v in values[axis] if any(_value(r, axis) == v for r in picked)] for axis in AXES}
    shared = {axis: used[axis][0] for axis in AXES if axis not in (*row_axes, *column_axes) and len(used[axis]) == 1}
    found = (list(dict.fromkeys(place[side] for place in cells)) for side in (0, 1))
    row_keys, column_keys = (
        tuple(key for key in product(*(used[axis] for axis in axes)) if key in keys)
        for axes, keys in zip((row_axes, column_axes), found, strict=True)
    )
    return Grid(row_axes, column_axes, row_keys, column_keys, cells, shared, tuple(notes))


def _picked(rows: Sequence[Row], wanted: Wanted) -> tuple[Row, ...]:
    """Return the rows that may stand in the table."""
    of_classes = "class" in (*wanted.rows, *wanted.columns) or bool(wanted.of("class"))
    metrics = wanted.of("metric")
    if metrics:
        rows = pick_rows(rows, [("metric", metrics)], "table")
    else:
        usual = USUAL_OF_CLASSES if of_classes else USUAL
        rows = [row for row in rows if row.metric in usual]
    if of_classes:
        whole = [m for m in metrics if not any(row.class_ for row in rows if row.metric == m)]
        if whole:
            raise ConfigError(f"table: {whole[0]} is not measured for single classes; leave class out")
        rows = [row for row in rows if row.class_]
    else:
        single = [m for m in metrics if all(row.class_ for row in rows if row.metric == m)]
        if single:
            raise ConfigError(
                f"table: {single[0]} is of single classes; add class to --rows or --columns, or name one by --class"
            )
        rows = [row for row in rows if not row.class_]
    named = [(axis, wanted.of(axis)) for axis in AXES if axis != "metric" and wanted.of(axis)]
    found = pick_rows(rows, named, "table")
    if not wanted.of("calibration"):
        hidden = parts_of_means({row.calibration for row in found})
        found = tuple(row for row in found if row.calibration not in hidden)
    if not found:
        raise ConfigError("table: the results have none of the usual metrics; name others by --metrics")
    return found


def _value(row: Row, axis: str) -> str:
    return row_names(axis)(row)[0]


def _values(rows: Sequence[Row], axis: str, wanted: Wanted) -> list[str]:
    """Return the values along an axis, in the order of the user or of the run; calibrations begin with none."""
    named, names_of = wanted.of(axis), row_names(axis)
    found = list(dict.fromkeys(names_of(row) for row in rows))
    if named:
        found.sort(key=lambda called: min(named.index(name) for name in called if name in named))
    elif axis == "metric":
        order = USUAL_OF_CLASSES if found and found[0][0] in USUAL_OF_CLASSES else USUAL
        found.sort(key=lambda called: order.index(called[0]))
    elif axis == "calibration":
        found.sort(key=lambda called: called[0] != NO_CALIBRATION)
    return list(dict.fromkeys(called[0] for called in found))


def _axes(values: Mapping[str, Sequence[str]], wanted: Wanted) -> tuple[Key, Key]:
    """Return the axes of rows and of columns, chosen where they are not given."""
    rows, columns = tuple(wanted.rows), tuple(wanted.columns)
    if not rows:
        usual = ["model", *(["calibration"] if len(values["calibration"]) > 1 else [])]
        rows = tuple(axis for axis in usual if axis not in columns)
    if not columns:
        columns = tuple(axis for axis in ("domain", "metric") if axis not in rows)
    for axis in ("model", "domain", "metric"):
        if axis not in (*rows, *columns) and len(values[axis]) > 1:
            raise ConfigError(
                f"table: there are {len(values[axis])} {axis}s ({shortlist(values[axis])}), and {axis} is neither in "
                f"--rows nor in --columns; add it, or name one by --{'metrics' if axis == 'metric' else axis}"
            )
    for axis in ("calibration", "score", "class"):
        if axis not in (*rows, *columns) and len(wanted.of(axis)) > 1:
            raise ConfigError(f"table: several names are given by --{axis}; add {axis} to --rows or --columns")
    return rows, columns


def _narrowed(
    rows: Sequence[Row], values: Mapping[str, Sequence[str]], placed: set[str], wanted: Wanted
) -> tuple[Row, ...]:
    """Return the rows under one calibration and one score where the table does not tell these apart."""
    if "calibration" not in placed:
        rows = [row for row in rows if row.calibration == values["calibration"][0]]
    if "score" not in placed and not wanted.of("score"):
        scores = {metric: score_of(rows, metric, "") for metric in values["metric"]}
        rows = [row for row in rows if row.score == scores[row.metric]]
    return tuple(rows)


def _cells(rows: Sequence[Row], row_axes: Key, column_axes: Key) -> tuple[dict[tuple[Key, Key], Row], list[str]]:
    """Return the number of each cell, in its first definition that has a value, and notes where splits differ."""
    cells: dict[tuple[Key, Key], Row] = {}
    notes: dict[str, None] = {}
    for row in rows:
        place = (tuple(_value(row, a) for a in row_axes), tuple(_value(row, a) for a in column_axes))
        other = cells.setdefault(place, row)
        if math.isnan(other.value) and not math.isnan(row.value):
            cells[place] = row
        elif other.fitted_on != row.fitted_on and row.definition == other.definition:
            notes[f"{row.metric} has several splits; this is that of {other.fitted_on or 'none'}"] = None
    return cells, list(notes)


def competitors(grid: Grid) -> Iterator[list[Row]]:
    """Yield the numbers of one metric, domain and class: those that are compared, as they are of the same images."""
    groups: dict[Key, list[Row]] = {}
    for row in grid.cells.values():
        groups.setdefault((row.metric, row.dataset, row.domain, row.class_), []).append(row)
    yield from groups.values()

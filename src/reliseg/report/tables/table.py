"""A table as texts: headings, cells with their marks, and the notes below; what each format writes in its own way."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reliseg.report.joined import JoinedRuns
from reliseg.report.tables.best import decided_best
from reliseg.report.tables.grid import Grid, Key, Wanted, competitors, grid_of
from reliseg.report.tables.wording import NOT_MEASURED, Names, Writing, best_text, interval_text, shared_names
from reliseg.results import Row

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Cell:
    """A number and its interval as texts; `number` is empty where there is none, and `mark` leads to the reason."""

    number: str = ""
    interval: str = ""
    mark: str = ""
    is_best: bool = False
    row: Row | None = None


@dataclass(frozen=True)
class Table:
    """Headings and cells, line by line.

    `heads` has for each column the texts along the axes of columns; a line begins with those along the axes of rows.
    `shared` is what all numbers have in common, by axis; `reasons` are those of numbers that are undefined, by their
    marks; `notes` are sentences.
    """

    corner: tuple[str, ...]
    heads: tuple[tuple[str, ...], ...]
    sides: tuple[tuple[str, ...], ...]
    lines: tuple[tuple[Cell, ...], ...]
    shared: tuple[tuple[str, str], ...]
    reasons: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def table_of(runs: JoinedRuns, wanted: Wanted, writing: Writing) -> Table:
    """Return the table that is wanted of these runs; a ConfigError says what they have not, or what is ambiguous."""
    grid = grid_of(runs.rows, wanted)
    groups = [group for group in competitors(grid) if len(group) > 1]
    best = {id(row) for group in groups for row in decided_best(group, runs.lefts)}
    names = Names.of(grid, writing)
    marks = _marks(grid)

    def cell(key: tuple[Key, Key]) -> Cell:
        row = grid.cells.get(key)
        why = _why(row)
        if row is None or why:
            return Cell(mark=marks[why])
        return Cell(writing.number(row.value, row.metric), writing.interval(row), "", id(row) in best, row)

    notes = [
        interval_text(grid.cells.values(), writing),
        best_text(bool(best), bool(groups)),
        *grid.notes,
    ]
    return Table(
        tuple("" if axis == "metric" else axis for axis in grid.row_axes),
        tuple(_texts(names, grid.column_axes, key) for key in grid.column_keys),
        tuple(_texts(names, grid.row_axes, key) for key in grid.row_keys),
        tuple(tuple(cell((row, column)) for column in grid.column_keys) for row in grid.row_keys),
        shared_names(grid, names),
        tuple((mark, why) for why, mark in marks.items()),
        tuple(filter(None, notes)),
    )


def _texts(names: Names, axes: Sequence[str], key: Key) -> tuple[str, ...]:
    return tuple(names.text(axis, value) for axis, value in zip(axes, key, strict=True))


def _why(row: Row | None) -> str:
    """Return why there is no number; empty where there is one."""
    if row is None:
        return NOT_MEASURED
    return (row.why or "it is undefined") if math.isnan(row.value) else ""


def _marks(grid: Grid) -> dict[str, str]:
    """Return the mark of each reason, in the order in which they stand in the table."""
    places = ((row, column) for row in grid.row_keys for column in grid.column_keys)
    reasons = dict.fromkeys(filter(None, (_why(grid.cells.get(place)) for place in places)))
    return {why: _LETTERS[i] if i < len(_LETTERS) else str(i + 1) for i, why in enumerate(reasons)}

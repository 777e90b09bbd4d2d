"""The table of results: it is asked, written and read."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from reliseg.errors import DataError, count_text, shortlist, suggestion
from reliseg.results import frames
from reliseg.results.chosen import choose
from reliseg.results.csv_text import csv_line
from reliseg.results.frames import Column, Kind
from reliseg.results.images import IMAGES_FILE, ImageTable
from reliseg.results.readable import RESULTS_FILE, Source, open_readable
from reliseg.results.replicates import Replicates
from reliseg.results.rows import COLUMNS, KEYS, NAN, NUMBERS, Row
from reliseg.results.views import view
from reliseg.runtime.process.garbage import no_collection
from reliseg.runtime.regular_files import read_open

T = TypeVar("T")


@dataclass(frozen=True)
class Results:
    """The rows of a run, in the order of its plan."""

    rows: tuple[Row, ...]
    source: Source | None = field(default=None, compare=False)
    """The run that they are from; None of rows that were put together in Python."""

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        """Return the counts on one line: a run has thousands of rows."""
        counts = (
            (len({tuple(getattr(r, c) for c in columns) for r in self.rows}), name)
            for name, columns in (
                ("model", ("model",)),
                ("domain", ("dataset", "domain")),
                ("calibration", ("calibration",)),
                ("metric", ("metric",)),
            )
        )
        said = ", ".join(count_text(number, noun) for number, noun in counts)
        return f"Results({count_text(len(self), 'row')}: {said})"

    @cached_property
    def plot(self) -> Any:
        """Charts of these results, as Altair charts: `results.plot.reliability(model="net")`."""
        return view("figures.plots", "Plots")(self)

    def _repr_html_(self) -> str:
        """Return the headline numbers with their intervals, for notebooks."""
        html: str = view("notebook.html", "results_html")(self)
        return html

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def where(self, **columns: Any) -> "Results":
        """Return the rows whose columns have these values: `where(metric="ece", domain=["day", "camvid/dusk"])`.

        Of each column, one value or several; a domain with or without its data set. `class` is also called `class_`.
        """
        rows: Sequence[Row] = self.rows
        for column, wanted in columns.items():
            if column not in _FIELDS:
                raise KeyError(f"no column {column!r}; {suggestion(column, COLUMNS)}")
            datasets = [row.dataset for row in rows] if column == "domain" else None
            rows = [rows[i] for i in choose([getattr(row, _FIELDS[column]) for row in rows], wanted, datasets)]
        return replace(self, rows=tuple(rows))

    def value(self, metric: str, **columns: Any) -> float:
        """Return the one number that these columns pick, in its first definition. NaN if undefined.

        It is over all classes, unless `class_` names one. KeyError where there is no such row, or rows of more than one
        origin or score.
        """
        wanted = {"class" if name == "class_" else name: value for name, value in columns.items()}
        matches = self.where(**{"metric": metric, "class": "", **wanted}).rows
        rows = [r for r in matches if r.definition == matches[0].definition]
        if len(rows) != 1:
            query = ", ".join(f"{k}={v!r}" for k, v in {"metric": metric, **columns}.items())
            if not rows:
                raise KeyError(f"no row with {query}{self._nearest({'metric': metric, **wanted})}")
            raise KeyError(f"{len(rows)} rows with {query}; also give {_what_differs(rows)}")
        return rows[0].value

    def _nearest(self, columns: Mapping[str, Any]) -> str:
        """Return the end of an error line: the values of the first column that leaves no row."""
        left = self
        for column, value in columns.items():
            found = left.where(**{column: value})
            if not found.rows:
                values = {str(getattr(r, _FIELDS[column])) for r in left.rows}
                return f"; {column}: {suggestion(str(value), values)}"
            left = found
        classes = sorted({row.class_ for row in left.rows})
        return f"; it is of single classes: give class_: {shortlist(classes, 12)}"

    @cached_property
    def images(self) -> ImageTable:
        """The images of these models, domains and calibrations, from the `images.csv` of the run.

        A DataError where the results come from no run, or the run has others by now.
        """
        states = {(row.model, row.dataset, row.domain, row.calibration) for row in self.rows}
        return ImageTable.read(self.folder(IMAGES_FILE)).of_states(states)

    def folder(self, *parts: str) -> Path:
        """Return the folder of the run that they are from, with these parts of it (`curves.json`) where it has them."""
        if self.source is None:
            raise DataError("these results come from no run; read those of one with reliseg.Results.read(RUN)")
        return self.source.read(*parts)

    def replicates(self) -> Replicates:
        """Return what reads the numbers without each image or scene; of a run in a store it fetches what it reads."""
        folder = self.folder()
        return Replicates(folder, self.source.fetcher() if self.source else None)

    def records(self) -> list[dict[str, Any]]:
        """Return the rows as plain dicts, ready for pandas.DataFrame or polars.DataFrame."""
        return [row.record() for row in self.rows]

    def to_csv(self) -> str:
        """Return the table as CSV: undefined numbers are empty, floats are written to the last bit.

        A text that a spreadsheet would take for a formula begins with an apostrophe; `read_csv` takes it away.
        """
        lines = (csv_line(vars(row).values()) for row in self.rows)
        return "".join([csv_line(COLUMNS), *lines])

    def to_json(self, provenance: Mapping[str, Any] | None = None) -> str:
        """Return the table as JSON, a row a line: undefined numbers are null, and `why` says the reason."""
        of = json.dumps(provenance or {}, indent=1, allow_nan=False)
        encoder = json.JSONEncoder(allow_nan=False)
        rows = ",\n".join(encoder.encode(row.record()) for row in self.rows)
        return f'{{"provenance": {of},\n"rows": [\n{rows}\n]}}\n'

    def to_pandas(self) -> Any:
        """Return the table as a pandas.DataFrame: `string`, `int64`, `float64` with NaN where a number is undefined."""
        return frames.to_pandas(self._columns())

    def to_polars(self) -> Any:
        """Return the table as a polars.DataFrame, with null where a number is undefined."""
        return frames.to_polars(self._columns())

    def write_parquet(self, path: str | Path) -> None:
        """Write the table as Parquet; needs pyarrow."""
        frames.write_parquet(self._columns(), Path(path))

    def _columns(self) -> dict[str, Column]:
        kinds: dict[Any, Kind] = {str: "text", float: "number", int: "count"}
        return {
            f.name.rstrip("_"): Column(kinds.get(f.type, "optional count"), [getattr(row, f.name) for row in self.rows])
            for f in fields(Row)
        }

    @classmethod
    def read(cls, path: str | Path) -> "Results":
        """Read the table of a run, by its folder, its address or its `results.json`; a DataError where it is none."""
        shown, data = _content(path)
        rows = _parsed(shown, data, lambda content: _rows(content["rows"]))
        run = shown.removesuffix(RESULTS_FILE)
        return cls(rows, Source.of(run.rstrip("/") or run or ".", data) if run != shown else None)


def _what_differs(rows: Sequence[Row]) -> str:
    """Return the first columns that tell the rows apart, each with its values: `domain (day, dusk) and score (..)`."""
    chosen: list[str] = []
    for column in KEYS:
        alike = {tuple(getattr(row, c) for c in chosen) for row in rows}
        if len(alike) < len({tuple(getattr(row, c) for c in (*chosen, column)) for row in rows}):
            chosen.append(column)
    values = {c: list(dict.fromkeys(str(getattr(row, c)) for row in rows)) for c in chosen}
    return " and ".join(f"{column} ({shortlist(found, 6)})" for column, found in values.items())


def read_provenance(path: str | Path) -> dict[str, Any]:
    """Return what the table of a run says of how it was made; a DataError where it is none."""
    return _parsed(*_content(path), lambda content: dict(content.get("provenance", {})))


def _content(path: str | Path) -> tuple[str, bytes]:
    """Return how users call the table of a run, and its bytes."""
    file, shown = open_readable(path, RESULTS_FILE, _FILE_LIMIT)
    with file:
        return shown, read_open(file)


def _parsed(shown: str, data: bytes, parse: Callable[[Any], T]) -> T:
    try:
        with no_collection():
            return parse(json.loads(data, object_pairs_hook=_object))
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise DataError(f"{shown}: not the results.json of a run; give the folder of a finished one") from error


_FILE_LIMIT = 1 << 33
_IN_FILES: dict[Any, tuple[type, ...]] = {float: (float, int, type(None)), str: (str,), int: (int,)}
_TYPES = {f.name: _IN_FILES.get(f.type, (int, type(None))) for f in fields(Row)}
"""What stands in a file for each field of a row; no number is null."""
_FIELDS = {name: f.name for f in fields(Row) for name in (f.name.rstrip("_"), f.name)}
"""Which field of a row a column is, by its names."""


_LATER: dict[str, Any] = {"skipped": 0, "ci_units": "", "n_units": 0, "ci_note": ""}
"""Columns that files of earlier versions do not have, and what they mean by that."""


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any] | tuple[Any, ...]:
    """Return an object of a file: of a row its values alone, as there may be millions."""
    names, values = zip(*pairs, strict=True) if pairs else ((), ())
    return values if names == COLUMNS else dict(pairs)


def _rows(found: Sequence[dict[str, Any] | tuple[Any, ...]]) -> tuple[Row, ...]:
    """Return the rows of a file, checked column by column; a TypeError, KeyError or ValueError where one is none."""
    rows = [row if isinstance(row, tuple) else _values(row) for row in found]
    columns = zip(*rows, strict=True) if rows else [()] * len(COLUMNS)
    return tuple(map(Row, *map(_checked, _TYPES, columns)))


def _values(record: dict[str, Any]) -> tuple[Any, ...]:
    """Return the values of a row that names its columns in another order, or not those of later versions."""
    if unknown := record.keys() - set(COLUMNS):
        raise TypeError(f"no columns {shortlist(sorted(unknown), 3)}")
    whole = _LATER | record
    return tuple(whole[name] for name in COLUMNS)


def _checked(name: str, values: Sequence[Any]) -> list[Any]:
    """Return the values of a field; equal texts are one, because they fill most of the memory."""
    if not set(map(type, values)) <= set(_TYPES[name]):
        raise TypeError(f"{name} is not what it should be")
    if name in NUMBERS:
        if not np.isfinite(np.array([0 if value is None else value for value in values], np.float64)).all():
            raise ValueError(f"{name} is not finite")
        return [NAN if value is None else float(value) for value in values]
    one: dict[Any, Any] = {}
    return [one.setdefault(value, value) for value in values]

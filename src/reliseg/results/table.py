"""The table of results: it is asked, written and read."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from reliseg.errors import DataError, MissingExtraError, suggestion
from reliseg.results.csv_text import csv_line
from reliseg.results.rows import COLUMNS, KEYS, NAN, NUMBERS, Row
from reliseg.runtime.atomic_files import write_atomically
from reliseg.runtime.regular_files import read_regular, reason_of

T = TypeVar("T")


@dataclass(frozen=True)
class Results:
    """The rows of a run, in the order of its plan."""

    rows: tuple[Row, ...]

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
        return (
            f"Results({len(self)} rows: {', '.join(f'{n} {name}s' if n != 1 else f'1 {name}' for n, name in counts)})"
        )

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def where(self, **columns: Any) -> "Results":
        """Return the rows whose columns have these values, e.g. `where(metric="ece", domain="day")`."""
        unknown = set(columns) - set(COLUMNS)
        if unknown:
            raise KeyError(f"no column {sorted(unknown)[0]!r}; columns: {', '.join(COLUMNS)}")
        names = {("class_" if key == "class" else key): value for key, value in columns.items()}
        return Results(tuple(r for r in self.rows if all(getattr(r, k) == v for k, v in names.items())))

    def value(self, metric: str, **columns: Any) -> float:
        """Return the one number over all classes that these columns pick, in its first definition. NaN if undefined.

        KeyError where there is no such row, or rows of more than one origin or score.
        """
        matches = self.where(**{"metric": metric, "class": "", **columns}).rows
        rows = [r for r in matches if r.definition == matches[0].definition]
        if len(rows) != 1:
            query = ", ".join(f"{k}={v!r}" for k, v in {"metric": metric, **columns}.items())
            if not rows:
                raise KeyError(f"no row with {query}{self._nearest({'metric': metric, **columns})}")
            differ = [c for c in KEYS if len({getattr(r, c) for r in rows}) > 1]
            raise KeyError(f"{len(rows)} rows with {query}; also give {' and '.join(differ)}")
        return rows[0].value

    def _nearest(self, columns: Mapping[str, Any]) -> str:
        """Return the end of an error line: the values of the first column that has not the one asked for."""
        for column, value in columns.items():
            values = {str(getattr(r, "class_" if column == "class" else column)) for r in self.rows}
            if str(value) not in values:
                return f"; {column}: {suggestion(str(value), values)}"
        return ""

    def records(self) -> list[dict[str, Any]]:
        """Return the rows as plain dicts, ready for pandas.DataFrame or polars.DataFrame."""
        return [row.record() for row in self.rows]

    def to_csv(self) -> str:
        """Return the table as CSV: undefined numbers are empty, floats are written to the last bit.

        A text that a spreadsheet would take for a formula begins with an apostrophe; `read_csv` takes it away.
        """
        lines = (csv_line(record.values()) for record in self.records())
        return "".join([csv_line(COLUMNS), *lines])

    def to_json(self, provenance: Mapping[str, Any] | None = None) -> str:
        """Return the table as JSON: undefined numbers are null, and `why` says the reason."""
        return json.dumps({"provenance": provenance or {}, "rows": self.records()}, indent=1, allow_nan=False)

    def write_parquet(self, path: Path) -> None:
        """Write the table as Parquet; needs pyarrow."""
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise MissingExtraError("pyarrow", "report", "writing Parquet") from error
        kinds: dict[Any, Any] = {str: pyarrow.string(), float: pyarrow.float64()}
        # given and not inferred: a column without numbers, and a table without rows, have the same types
        schema = pyarrow.schema([(f.name.rstrip("_"), kinds.get(f.type, pyarrow.int64())) for f in fields(Row)])
        table = pyarrow.Table.from_pylist(self.records(), schema=schema)
        write_atomically(path, lambda file: pyarrow.parquet.write_table(table, file))

    @classmethod
    def read(cls, path: str | Path) -> "Results":
        """Read the table of a run's folder, or of its `results.json`; a DataError where it is none."""
        return _read_file(path, lambda content: cls(tuple(map(_row, content["rows"]))))


def read_provenance(path: str | Path) -> dict[str, Any]:
    """Return what the table of a run says of how it was made; a DataError where it is none."""
    return _read_file(path, lambda content: dict(content.get("provenance", {})))


def _read_file(path: str | Path, parse: Callable[[Any], T]) -> T:
    """Return what `parse` makes of a run's `results.json`, which may be named by the folder."""
    file = Path(path)
    try:
        file = file / "results.json" if file.is_dir() else file
        return parse(json.loads(read_regular(file, _FILE_LIMIT)))
    except FileNotFoundError as error:
        raise DataError(f"{file}: no such file; give the folder of a finished run") from error
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({reason_of(error)}); give the folder of a finished run") from error
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise DataError(f"{file}: not the results.json of a run; give the folder of a finished one") from error


_FILE_LIMIT = 1 << 33
_IN_FILES: dict[Any, tuple[type, ...]] = {float: (float, int, type(None)), str: (str,), int: (int,)}
_TYPES = {f.name: _IN_FILES.get(f.type, (int, type(None))) for f in fields(Row)}
"""What stands in a file for each field of a row; no number is null."""


def _row(record: Mapping[str, Any]) -> Row:
    """Return the row of a record in a file; a TypeError or ValueError where it is none."""
    values: dict[str, Any] = {"skipped": 0, "ci_units": "", "n_units": 0, "ci_note": ""}
    values |= {("class_" if k == "class" else k): v for k, v in record.items()}
    for name, value in values.items():
        if type(value) not in _TYPES[name] or (isinstance(value, float) and not math.isfinite(value)):
            raise TypeError(f"{name} is {value!r}")
        if name in NUMBERS:
            values[name] = NAN if value is None else float(value)
    return Row(**values)

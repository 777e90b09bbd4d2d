"""Tables as data frames of pandas and polars and as Parquet, each column with a type of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from reliseg.errors import MissingExtraError
from reliseg.runtime.atomic_files import write_atomically

Kind: TypeAlias = Literal["text", "number", "count", "optional count", "truth"]


@dataclass(frozen=True, eq=False)
class Column:
    """The values of a column: texts, floats (NaN where there is none), whole numbers (of an optional one None), truth.

    They have the same type also where there is no row, or no number in any.
    """

    kind: Kind
    values: Sequence[Any] | np.ndarray


def to_pandas(columns: Mapping[str, Column]) -> Any:
    """Return a pandas.DataFrame: `string`, `float64` with NaN, `int64`, `Int64` and `bool`."""
    try:
        import pandas
    except ImportError as error:
        raise MissingExtraError("pandas", "tables", "to_pandas") from error
    kinds = {"text": "string", "number": "float64", "count": "int64", "optional count": "Int64", "truth": "bool"}
    return pandas.DataFrame(
        {name: pandas.Series(_values(column), dtype=kinds[column.kind]) for name, column in columns.items()}
    )


def to_polars(columns: Mapping[str, Column]) -> Any:
    """Return a polars.DataFrame: `String`, `Float64` with null, `Int64` and `Boolean`."""
    try:
        import polars
    except ImportError as error:
        raise MissingExtraError("polars", "tables", "to_polars") from error
    kinds = {
        "text": polars.String,
        "number": polars.Float64,
        "count": polars.Int64,
        "optional count": polars.Int64,
        "truth": polars.Boolean,
    }
    made = [polars.Series(name, _values(column), dtype=kinds[column.kind]) for name, column in columns.items()]
    return polars.DataFrame([series.fill_nan(None) if series.dtype == polars.Float64 else series for series in made])


def check_parquet(purpose: str = "writing Parquet") -> None:
    """Raise a MissingExtraError where Parquet cannot be written here."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("pyarrow", "tables", purpose) from error


def write_parquet(columns: Mapping[str, Column], path: Path) -> None:
    """Write a table as Parquet; the same table gives the same bytes with the same pyarrow."""
    check_parquet()
    import pyarrow
    import pyarrow.parquet

    kinds = {
        "text": pyarrow.string(),
        "number": pyarrow.float64(),
        "count": pyarrow.int64(),
        "optional count": pyarrow.int64(),
        "truth": pyarrow.bool_(),
    }
    arrays = {
        name: pyarrow.array(_values(column), type=kinds[column.kind], from_pandas=column.kind == "number")
        for name, column in columns.items()
    }
    table = pyarrow.table(arrays)
    write_atomically(path, lambda file: pyarrow.parquet.write_table(table, file))


def _values(column: Column) -> Any:
    """Return the values; half characters, which no file of UTF-8 may hold, are written out in texts."""
    if column.kind != "text":
        return column.values if isinstance(column.values, np.ndarray) else list(column.values)
    try:
        "".join(column.values).encode()
    except UnicodeEncodeError:
        return [text.encode(errors="backslashreplace").decode() for text in column.values]
    return list(column.values)

"""Data frames: each column has its type, also without a row, and what is undefined is missing, not a text."""

import builtins
import math

import numpy as np
import pyarrow.parquet
import pytest

from reliseg.errors import MissingExtraError
from reliseg.results import frames
from reliseg.results.frames import Column, check_parquet, write_parquet

COLUMNS = {
    "name": Column("text", ["a", "\ud800b", "", "=1"]),
    "value": Column("number", np.array([0.1, math.nan, -0.0, 1e-300])),
    "ends": Column("number", [math.nan] * 4),
    "pixels": Column("count", [1, 2, 3, 2**40]),
    "seed": Column("optional count", [None, 3, None, 0]),
    "paired": Column("truth", [True, False, True, True]),
}
EMPTY = {name: Column(column.kind, []) for name, column in COLUMNS.items()}
PANDAS = {
    "name": "string",
    "value": "float64",
    "ends": "float64",
    "pixels": "int64",
    "seed": "Int64",
    "paired": "bool",
}
POLARS = {
    "name": "String",
    "value": "Float64",
    "ends": "Float64",
    "pixels": "Int64",
    "seed": "Int64",
    "paired": "Boolean",
}
RECORDS = {
    "name": ["a", "\\ud800b", "", "=1"],
    "value": [0.1, None, -0.0, 1e-300],
    "ends": [None] * 4,
    "pixels": [1, 2, 3, 2**40],
    "seed": [None, 3, None, 0],
    "paired": [True, False, True, True],
}


@pytest.mark.parametrize("columns", [COLUMNS, EMPTY], ids=["rows", "no row"])
def test_a_frame_of_pandas_has_the_same_types_whatever_is_in_it(columns):
    pandas = pytest.importorskip("pandas")
    frame = frames.to_pandas(columns)
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == PANDAS
    for name, column in columns.items():
        cells = [None if pandas.isna(value) else value for value in frame[name]]
        assert cells == (RECORDS[name] if column.values is COLUMNS[name].values else [])


@pytest.mark.parametrize("columns", [COLUMNS, EMPTY], ids=["rows", "no row"])
def test_a_frame_of_polars_has_the_same_types_whatever_is_in_it(columns):
    pytest.importorskip("polars")
    frame = frames.to_polars(columns)
    assert {name: str(kind) for name, kind in frame.schema.items()} == POLARS
    assert frame.to_dict(as_series=False) == (RECORDS if columns is COLUMNS else {name: [] for name in COLUMNS})


@pytest.mark.parametrize("columns", [COLUMNS, EMPTY], ids=["rows", "no row"])
def test_parquet_is_what_was_written_and_the_same_bytes_again(columns, tmp_path):
    for name in ("a", "b"):
        write_parquet(columns, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    again = pyarrow.parquet.read_table(tmp_path / "a")
    assert again.to_pydict() == (RECORDS if columns is COLUMNS else {name: [] for name in COLUMNS})


@pytest.mark.parametrize(
    ("package", "make", "said"),
    [
        ("pandas", frames.to_pandas, "to_pandas needs pandas: pip install 'reliseg[tables]'"),
        ("polars", frames.to_polars, "to_polars needs polars: pip install 'reliseg[tables]'"),
        ("pyarrow", lambda _: check_parquet("--parquet"), "--parquet needs pyarrow: pip install 'reliseg[tables]'"),
    ],
)
def test_a_package_that_is_not_installed_is_named_in_one_line(monkeypatch, package, make, said):
    real = builtins.__import__

    def without(name, *rest):
        if name.partition(".")[0] == package:
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError) as refused:
        make(COLUMNS)
    assert str(refused.value) == said

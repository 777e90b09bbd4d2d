"""Parquet beside the tables of a run: where it was asked for, and never of other results than those beside it."""

import pyarrow.parquet
import pytest
from helpers.simulated_run import write_simulated_run
from helpers.street import make_street

import reliseg
from reliseg.results import ImageTable, Results
from reliseg.results.parquet import PARQUET_FILES, write_parquet_tables


def test_both_tables_are_written_and_hold_what_the_run_holds(tmp_path):
    run = write_simulated_run(tmp_path / "run")
    results, images = write_parquet_tables(run)
    assert (results.name, images.name) == PARQUET_FILES
    assert pyarrow.parquet.read_table(results).to_pylist() == Results.read(run).records()
    assert pyarrow.parquet.read_table(images).to_pylist() == ImageTable.read(run).records()
    before = results.read_bytes(), images.read_bytes()
    write_parquet_tables(run)
    assert (results.read_bytes(), images.read_bytes()) == before


@pytest.mark.slow
def test_the_command_writes_them_and_a_run_with_other_results_removes_them(command, tmp_path):
    street = make_street(tmp_path / "street", cal=2, day=2, dusk=2)
    out = street.root / "out"
    reliseg.run_config(street.config, out)
    assert not any((out / name).exists() for name in PARQUET_FILES)
    assert command("results", out, "--parquet")[0] == 0
    first = pyarrow.parquet.read_table(out / "results.parquet").to_pylist()
    assert first == Results.read(out).records()
    reliseg.run_config(street.config, out)
    assert all((out / name).exists() for name in PARQUET_FILES)
    street.write(street.content() | {"metrics": ["segmentation"]})
    reliseg.run_config(street.config, out)
    assert not any((out / name).exists() for name in PARQUET_FILES)

import pytest
from helpers.simulated_run import write_simulated_run

from reliseg.errors import DataError
from reliseg.report.page.run_files import RunFiles


def test_a_file_that_is_not_there_is_named_with_the_command_that_writes_it(tmp_path):
    folder = write_simulated_run(tmp_path / "run")
    assert RunFiles.read(folder).missing == ()
    (folder / "images.csv").unlink()
    (line,) = RunFiles.read(folder).missing
    assert f"{folder / 'images.csv'} is not there" in line
    assert f"reliseg results {folder}" in line


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        RunFiles.read(tmp_path)


def test_curves_that_are_none_are_refused_with_what_to_do(tmp_path):
    folder = write_simulated_run(tmp_path / "run")
    (folder / "curves.json").write_text('{"format": 1, "states": [{"model": "net"}]}')
    with pytest.raises(DataError, match=r"not the curves\.json of a run; write it anew with reliseg"):
        RunFiles.read(folder)

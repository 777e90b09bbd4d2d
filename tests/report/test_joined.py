"""Several runs as one."""

import numpy as np
from helpers.result_rows import lefts_of, result_row, write_results, write_run
from helpers.simulated_run import Shape, write_simulated_run

from reliseg.report.joined import join_runs


def test_models_of_equal_names_have_the_name_of_their_run(tmp_path):
    write_simulated_run(tmp_path / "old", Shape(models=("net", "other")))
    write_simulated_run(tmp_path / "new", Shape(models=("net",)))
    joined = join_runs({str(tmp_path / name): tmp_path / name for name in ("old", "new")}, with_curves=True)
    assert list(dict.fromkeys(row.model for row in joined.rows)) == ["net (old)", "other", "net (new)"]
    assert list(dict.fromkeys(state.model for state in joined.states)) == ["net (old)", "other", "net (new)"]
    assert joined.missing == ()


def test_numbers_without_single_images_are_found_under_the_new_name(tmp_path):
    for name, ease in (("old", 0.0), ("new", 0.1)):
        write_run(tmp_path / name, (result_row(0.5 + ease), lefts_of(np.linspace(0.4, 0.6, 9) + ease)))
    joined = join_runs({name: tmp_path / name for name in ("old", "new")}, with_curves=False)
    lefts = [joined.lefts(row) for row in joined.rows]
    assert [round(float(left.values[0].mean()), 6) for left in lefts] == [0.5, 0.6]
    assert joined.lefts(result_row(model="unknown")) is None


def test_a_run_without_curves_is_named_with_the_command_that_makes_them(tmp_path):
    write_results(tmp_path / "run", result_row())
    (line,) = join_runs({"run": tmp_path / "run"}, with_curves=True).missing
    assert "run has no curves.json" in line
    assert "reliseg results" in line

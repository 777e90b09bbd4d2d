"""Differences on the page: image by image, where a run keeps that."""

from dataclasses import replace
from math import nan

import numpy as np
import pytest
from helpers.result_rows import about
from helpers.simulated_run import Shape, write_simulated_run

from reliseg.report.compare.difference import Difference
from reliseg.report.page.differences import Differences, are_decided, overlap
from reliseg.report.page.run_files import RunFiles
from reliseg.report.page.tables import State, join_runs, names_of
from reliseg.results.replicates import FOLDER, Lefts, UnitSet, write_replicates

IMAGES = UnitSet("images", tuple("abcdefghij"), tuple("abcdefghij"))


@pytest.fixture
def run(tmp_path):
    folder = write_simulated_run(tmp_path / "run", Shape(models=("a", "b")))
    noise = np.linspace(-0.02, 0.02, 10)
    for row in RunFiles.read(folder).results.where(metric="miou"):
        own = noise * (1 + 1e-4 * (row.model == "b"))
        write_replicates(folder / FOLDER, row, [about(row, Lefts((row.value + own,), (IMAGES,)))])
    return RunFiles.read(folder)


def test_a_difference_on_the_same_images_leaves_out_what_both_have_in_common(run):
    table = join_runs([run], names_of([run]))
    a, b = (State(m, "dusk", "identity") for m in "ab")
    found = Differences(table, [run]).between(a, b, "miou")
    assert found.value == table.row(a, "miou").value - table.row(b, "miou").value
    assert found.paired
    assert found.units == "10 images"
    assert found.high - found.low < 1e-3  # both move alike


def test_what_is_not_defined_or_not_kept_has_no_interval(run):
    differences = Differences(join_runs([run], names_of([run])), [run])
    a, b = (State(m, "dusk", "identity") for m in "ab")
    assert differences.between(a, State("c", "dusk", "identity"), "miou") is None
    assert np.isnan(differences.between(a, b, "ece", "msp").p)


def test_differences_are_decided_after_adjustment_for_as_many_and_without_doubt():
    sure, near = Difference(0.1, 0.1, 0.1, p=0.001), Difference(0.1, 0.1, 0.1, p=0.03)
    assert are_decided([near]) == [True]
    assert are_decided([sure, near, near]) == [True, False, False]
    assert are_decided([replace(sure, note="few images"), replace(sure, p=nan)]) == [False, None]


def test_intervals_overlap_or_one_is_not_there(run):
    row = run.results.where(metric="miou").rows[0]
    low, high = replace(row, ci_low=0.1, ci_high=0.2), replace(row, ci_low=0.2, ci_high=0.3)
    assert overlap(low, high)
    assert overlap(high, low)
    assert overlap(low, replace(high, ci_low=0.21)) is False
    assert overlap(low, replace(high, ci_low=nan)) is None


def test_each_model_is_apart_from_the_best_of_its_domain_or_not(run):
    table = join_runs([run], names_of([run]))
    found = Differences(table, [run]).apart_from_best("miou", "")
    better = {
        (d, c): max("ab", key=lambda m: table.row(State(m, d, c), "miou").value)
        for d in ("day", "dusk")
        for c in ("identity", "ts@camvid/cal")
    }
    assert found == {State("ab".replace(best, ""), *place): True for place, best in better.items()}
    assert set(Differences(table, [run]).apart_from_best("ece", "msp").values()) == {None}

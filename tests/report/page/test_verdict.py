"""The three sentences."""

import re
from dataclasses import replace

import numpy as np
import pytest
from helpers.result_rows import about
from helpers.simulated_run import Shape, write_simulated_run

from reliseg.report.page.run_files import RunFiles
from reliseg.report.page.tables import join_runs, names_of
from reliseg.report.page.verdict import verdict
from reliseg.results.replicates import FOLDER, Lefts, UnitSet, write_replicates


@pytest.fixture
def said(tmp_path):
    def say(shape: Shape) -> tuple[list[str], RunFiles]:
        run = RunFiles.read(write_simulated_run(tmp_path / "run", shape))
        names = names_of([run])
        text = verdict(join_runs([run], names), [run], names)
        return [re.sub(r"<[^>]+>", "", line) for line in text.splitlines()], run

    return say


def value(run: RunFiles, metric: str, **columns: str) -> str:
    return f"{run.results.value(metric, calibration='identity', **columns):.3f}"


def test_the_fall_under_shift_has_its_numbers_and_its_interval(said):
    (shift, _, _), run = said(Shape(models=("net",)))
    before, after = (value(run, "miou", domain=d) for d in ("day", "dusk"))
    (drop,) = run.results.where(metric="drop_miou", calibration="identity").rows
    assert f"mIoU of net falls from {before} on day to {after} on dusk, by {drop.value:.3f}" in shift
    assert f"({drop.ci_low:.3f} to {drop.ci_high:.3f})" in shift


@pytest.mark.parametrize(
    ("drop", "words"),
    [
        ((-0.1, -0.25, -0.04), "the smallest rise is 0.100 (0.040 to 0.250), net on dusk. "),
        ((-0.1, -0.25, 0.04), "the smallest rise is 0.100 (−0.040 to 0.250), net on dusk, which may be chance. "),
        ((0.1, -0.04, 0.25), "by 0.100 (−0.040 to 0.250), which may be chance. "),
        ((0.1, 0.04, 0.25), "by 0.100 (0.040 to 0.250). "),
        ((0.1, np.nan, np.nan), "by 0.100. "),
    ],
)
def test_a_rise_has_the_interval_of_a_rise_and_what_may_be_none_is_said_so(tmp_path, drop, words):
    run = RunFiles.read(write_simulated_run(tmp_path / "run", Shape(models=("net",))))
    drop_value, low, high = drop
    rows = tuple(
        replace(row, value=drop_value, ci_low=low, ci_high=high) if row.metric == "drop_miou" else row
        for row in run.results
    )
    changed = replace(run, results=replace(run.results, rows=rows))
    names = names_of([changed])
    shift, _, _ = verdict(join_runs([changed], names), [changed], names).splitlines()
    assert words.strip() in re.sub(r"<[^>]+>", "", shift)


def test_a_ranking_with_overlapping_intervals_is_not_decisive(said):
    (shift, _, _), run = said(Shape(models=("a", "b", "c", "d", "e", "f", "g", "h")))
    rows = sorted(run.results.where(metric="miou", domain="dusk", calibration="identity"), key=lambda r: -r.value)
    assert ("not decisive" in shift) == (rows[1].ci_high >= rows[0].ci_low)
    (shift, _, _), _ = said(Shape(models=("a", "b"), intervals=False))
    assert "without intervals it is open whether the ranking is decisive" in shift


@pytest.mark.parametrize("spread", [0.0001, 0.05])
def test_a_ranking_is_decided_by_differences_on_the_same_images_where_the_run_keeps_them(tmp_path, spread):
    folder = write_simulated_run(tmp_path / "run", Shape(models=("a", "b")))
    draw = np.random.default_rng(0)
    images = UnitSet("images", tuple("abcdefghij"), tuple("abcdefghij"))
    run = RunFiles.read(folder)
    for miou, ece in zip(run.results.where(metric="miou"), run.results.where(metric="ece"), strict=True):
        lefts = (Lefts((row.value + draw.normal(0, spread, 10),), (images,)) for row in (miou, ece))
        write_replicates(folder / FOLDER, miou, map(about, (miou, ece), lefts))
    names = names_of([run])
    shift, _, calibration = verdict(join_runs([run], names), [run], names).splitlines()
    assert "on the same 10 images" in shift
    assert ("not decisive" in shift) == (spread == 0.05)
    assert ("the ranking is decided" in shift) == (spread < 0.05)
    assert "overlap" not in shift + calibration


def test_confidence_above_accuracy_is_called_overconfident(said):
    (_, confidence, _), run = said(Shape(models=("net",)))
    assert "overconfident" in confidence
    assert f"ECE {value(run, 'ece', domain='dusk')}" in confidence


def test_a_calibration_has_the_error_before_and_after(said):
    (_, _, calibration), run = said(Shape(models=("net",)))
    after = run.results.value("ece", domain="dusk", calibration="ts@camvid/cal")
    assert "ts@camvid/cal lowers ECE" in calibration
    assert f"from {value(run, 'ece', domain='dusk')}" in calibration
    assert f"{after:.3f}" in calibration


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        ((0.1, 0.1, 1.1), "lowers ECE in 2 of 3 cases: on average "),
        ((0.5, 4, 4), "does not lower ECE on average: "),
        ((0.5, 4, 4), "; it is lower in 1 of 3 cases, most for net on day, "),
        ((4, 4, 4), "; it is lower in none of 3 cases. "),
    ],
)
def test_a_calibration_that_helps_in_few_cases_is_not_praised_for_them(tmp_path, factors, words):
    shape = Shape(models=("net",), domains=("day", "dusk", "rain"))
    run = RunFiles.read(write_simulated_run(tmp_path / "run", shape))
    before = {row.domain: row.value for row in run.results.where(metric="ece", calibration="identity")}
    factor = dict(zip(before, factors, strict=True))
    after = {
        row: replace(row, value=before[row.domain] * factor[row.domain])
        for row in run.results.where(metric="ece")
        if row.calibration != "identity"
    }
    rows = tuple(after.get(row, row) for row in run.results)
    changed = replace(run, results=replace(run.results, rows=rows))
    names = names_of([changed])
    _, _, calibration = verdict(join_runs([changed], names), [changed], names).splitlines()
    assert words in re.sub(r"<[^>]+>", "", calibration)


def test_what_was_not_measured_is_said_with_what_to_do(said):
    sentences, _ = said(Shape(domains=("day",), calibrations=("identity",)))
    assert "no reference domain was named" in sentences[0]
    assert "none was fitted; ask for one" in sentences[2]

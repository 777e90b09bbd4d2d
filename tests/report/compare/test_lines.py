"""Comparisons on a terminal: what is the same in all lines is said once."""

import numpy as np
import pytest
from helpers.result_rows import HOSTILE, lefts_of, result_row, write_run

from reliseg.report.compare.lines import comparison_lines
from reliseg.report.compare.sides import ReadRun, read_runs
from reliseg.report.compare.table import compare_runs
from reliseg.results.replicates import Replicates

EASE = np.random.default_rng(3).normal(0.5, 0.1, 40)


def test_what_differs_has_columns_and_what_does_not_is_in_the_title(tmp_path):
    rows = [(result_row(0.5 + d, model=m, score="msp"), lefts_of(EASE + d)) for m, d in (("a", 0.0), ("b", 0.02))]
    run = write_run(tmp_path / "r", *rows)
    title, head, line, *rest = comparison_lines(compare_runs(read_runs({"r": run}), "ece"))
    assert title == ("ece: model against a (domain street/dusk, calibration identity, score msp, definition ece/test)")
    assert head.split() == ["model", "value", "baseline", "difference", "95", "%", "interval", "p", "p", "(Holm)",
                            "units"]  # fmt: skip
    assert line.split()[:4] == ["b", "0.52", "0.5", "+0.02"]
    assert rest[-1] == "p (Holm) is adjusted for 1 comparison; verdicts are at 0.05"


def test_other_units_are_said(tmp_path):
    rows = [(result_row(domain=d), lefts_of(EASE, names=[f"{d}{i}" for i in range(40)])) for d in "ab"]
    lines = list(comparison_lines(compare_runs(read_runs({"r": write_run(tmp_path / "r", *rows)}), "ece")))
    assert lines[2].endswith("40 images and 40 images, not paired")
    assert "not decided" in lines[2]


def test_a_note_of_all_is_said_once():
    rows = [result_row(model=m) for m in "abc"]
    lines = list(comparison_lines(compare_runs([ReadRun("r", rows, Replicates("none"))], "ece")))
    assert lines[-2] == "of all: the run keeps nothing of single images for it"
    assert sum("keeps nothing" in line for line in lines) == 1


@pytest.mark.parametrize("name", [name for name in HOSTILE if name])
def test_hostile_names_are_text_on_one_line_each(name):
    rows = [result_row(), result_row(model=name)]
    lines = list(comparison_lines(compare_runs([ReadRun("r", rows, Replicates("none"))], "ece")))
    assert len(lines) == 5
    assert all("\x1b" not in line and "\n" not in line and "\u202e" not in line for line in lines)

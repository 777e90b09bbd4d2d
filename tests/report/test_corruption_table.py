"""The table of corruptions at the end of a run."""

from dataclasses import replace
from io import StringIO

from rich.console import Console

from reliseg.report.corruption_table import corruption_summary
from reliseg.results.corruptions import CorruptionRow

MEAN = CorruptionRow("net", "street", "day", "identity", "", "miou", "fog", "mean", "", 0.5, 0.8, 0.3, 0.375, "iou")
WORST = replace(MEAN, severity="worst", at="day+fog-5", value=0.25)


def lines(rows):
    console = Console(file=StringIO(), width=200)
    console.print(corruption_summary(rows))
    return console.file.getvalue().splitlines()


def test_a_kind_has_a_line_with_the_clean_number_the_mean_and_the_worst():
    head, line = lines([MEAN, replace(MEAN, severity="5"), WORST])
    assert head.split() == ["model", "domain", "calibration", "corruption", "mIoU", "clean", "mean", "worst"]
    assert line.split() == ["net", "street/day", "identity", "fog", "0.8000", "0.5000", "0.2500", "(5)"]


def test_a_number_that_is_missing_or_undefined_is_a_dash():
    ece = [replace(r, metric="ece", score="msp", kind="snow", clean=float("nan")) for r in (MEAN, WORST)]
    _, fog, snow = lines([MEAN, WORST, *ece])
    assert fog.split()[-3:] == ["-", "-", "-"]
    assert snow.split()[4:8] == ["-", "-", "-", "-"]


def test_of_many_kinds_only_the_line_over_all_is_shown():
    kinds = [replace(r, kind=f"k{i}") for i in range(30) for r in (MEAN, WORST)]
    every = [replace(r, kind="all") for r in (MEAN, WORST)]
    assert "0.2500 (fog-5)" in lines(kinds + every)[1]
    assert len(lines(kinds + every)) == 2
    assert len(lines(kinds)) == 31

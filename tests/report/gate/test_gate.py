"""Conditions on whole runs: every row that is meant counts, and a comparison with a baseline is of equal rows."""

import math
import re

import pytest
from helpers.result_rows import result_row, with_interval

from reliseg.errors import ConfigError
from reliseg.report.compare.difference import Difference
from reliseg.report.gate.expression import parse_condition
from reliseg.report.gate.gate import Baseline, gate
from reliseg.results import Results


def answers(rows, *conditions, baseline=None):
    """The answer of each condition, with those of its rows."""
    verdicts = gate(Results(tuple(rows)), map(parse_condition, conditions), baseline=baseline)
    return [(v.answer, [one.answer for one in v.judged]) for v in verdicts]


def with_half(half: float, note: str = ""):
    """What tells differences whose intervals reach so far to both sides."""

    def differ(row, minus):
        value = row.value - minus.value
        return Difference(value, value, value, value - half, value + half, 0.5, True, "20 images", note)

    return differ


def against(*rows, differ=None):
    return Baseline("runs/old", Results(rows), differ or with_half(0.01))


def test_every_row_that_is_meant_must_pass_and_failures_come_first():
    rows = [
        with_interval(result_row(0.02), 0.01, 0.03),
        with_interval(result_row(0.05, domain="fog"), 0.04, 0.06),
        with_interval(result_row(0.09, domain="night"), 0.08, 0.10),
    ]
    assert answers(rows, "ece > 0.05") == [("fail", ["fail", "undecided", "pass"])]
    assert answers(rows[:2], "ece > 0.05") == [("undecided", ["undecided", "pass"])]
    assert answers(rows, "ece(domain=dusk) > 0.05") == [("pass", ["pass"])]
    assert answers(rows, "ece > 0.5", "ece > 0.005") == [("pass", ["pass"] * 3), ("fail", ["fail"] * 3)]


def test_an_undefined_number_fails():
    assert answers([result_row(math.nan), with_interval(result_row(0.01, model="b"), 0, 0.02)], "ece > 0.5") == [
        ("fail", ["fail", "pass"])
    ]


@pytest.mark.parametrize(
    ("metric", "new", "old", "answer"),
    [
        ("ece", 0.10, 0.05, "fail"),  # lower is better
        ("ece", 0.05, 0.10, "pass"),
        ("ece", 0.065, 0.05, "undecided"),
        ("miou", 0.50, 0.55, "fail"),  # higher is better
        ("miou", 0.55, 0.50, "pass"),
        ("miou", 0.50, 0.515, "undecided"),
    ],
)
def test_what_is_worse_is_known_from_the_metric(metric, new, old, answer):
    rows, baseline = [result_row(new, metric=metric)], against(result_row(old, metric=metric))
    ((found, _),) = answers(rows, f"worse({metric}) > 0.01", baseline=baseline)
    assert found == answer


def test_a_difference_the_other_way_round_has_the_interval_the_other_way_round():
    rows = [result_row(0.50, metric="miou")]

    def lopsided(row, minus):
        return Difference(-0.05, -0.06, -0.04, -0.09, -0.02, 0.01, True)

    (verdict,) = gate(
        Results(tuple(rows)),
        [parse_condition("worse(miou) > 0.01")],
        baseline=against(result_row(0.55, metric="miou"), differ=lopsided),
    )
    evidence = verdict.judged[0].evidence
    assert (evidence.value, evidence.low, evidence.high) == (0.05, 0.02, 0.09)


def test_a_difference_without_an_interval_is_judged_by_its_bracket():
    def exact(row, minus):
        return Difference(0.02, 0.019, 0.021, note="the run keeps nothing of single images for it")

    old = against(result_row(0.05), differ=exact)
    assert answers([result_row(0.07)], "worse(ece) > 0.01", baseline=old)[0][0] == "fail"
    assert answers([result_row(0.07)], "worse(ece) > 0.02", baseline=old)[0][0] == "undecided"
    assert answers([result_row(0.07)], "worse(ece) > 0.03", baseline=old)[0][0] == "pass"


def test_a_difference_in_doubt_does_not_pass():
    old = against(result_row(0.05), differ=with_half(0.001, "2 % of the units decide this number"))
    assert answers([result_row(0.05)], "worse(ece) > 0.02", baseline=old)[0][0] == "undecided"


def test_a_row_that_the_baseline_lacks_or_has_undefined_fails():
    rows = [result_row(0.05), result_row(0.05, domain="fog"), result_row(math.nan, domain="night")]
    old = against(result_row(0.05), result_row(math.nan, domain="fog"), result_row(0.05, domain="night"))
    (verdict,) = gate(Results(tuple(rows)), [parse_condition("worse(ece) > 0.02")], baseline=old)
    assert {one.row.domain: (one.answer, one.evidence.note) for one in verdict.judged} == {
        "dusk": ("pass", ""),
        "fog": ("fail", "no value in the baseline: no pixel"),
        "night": ("fail", "no pixel"),
    }
    (verdict,) = gate(Results(tuple(rows[:2])), [parse_condition("worse(ece) > 0.02")], baseline=against(rows[0]))
    assert [one.evidence.note for one in verdict.judged] == ["the baseline has no such row", ""]


def test_rows_of_other_references_are_not_compared_and_a_missing_reference_does_not_matter():
    new = result_row(0.05, metric="drop_ece", reference="street/day")
    other = result_row(0.05, metric="drop_ece", reference="street/noon")
    with pytest.raises(ConfigError, match=r"reference is 'street/noon' there, and here 'street/day'"):
        answers([new], "worse(drop_ece) > 0.02", baseline=against(other))
    plain = result_row(0.05)  # a run without a reference has the same ECE
    old = against(plain)
    assert answers([result_row(0.05, reference="street/day")], "worse(ece) > 0.02", baseline=old)[0][0] == "pass"


@pytest.mark.parametrize(
    ("condition", "baseline", "message"),
    [
        (
            "worse(ece) > 0",
            None,
            "'worse(ece) > 0': worse(..) compares with another run; give --baseline RUN",
        ),
        (
            "worse(ece) > 0",
            against(result_row(model="other")),
            "--baseline runs/old: no row to compare with; model is 'other' there, and here 'net'; give a run of the",
        ),
        ("worse(ece) > 0", against(), "--baseline runs/old: no row to compare with; model is nothing there"),
        ("worse(flip_rate) > 0", against(result_row()), "flip_rate: neither a larger nor a smaller value is worse"),
        ("ece > 5", None, "ece has values from 0 to 1, so no run ever reaches 5; correct the limit"),
        ("ece < -0.1", None, "ece has values from 0 to 1, so no run ever reaches -0.1"),
        ("worse(ece) > 1.5", against(result_row()), "ece has differences from -1 to 1, so no run ever reaches 1.5"),
        ("their_metric > 0", None, "no row has metric 'their_metric'"),
    ],
)
def test_what_cannot_be_judged_is_an_error(condition, baseline, message):
    rows = [result_row(), result_row(metric="flip_rate")]
    with pytest.raises(ConfigError, match=re.escape(message)):
        answers(rows, condition, baseline=baseline)


def test_the_limits_of_a_metric_that_is_not_known_here_are_free():
    assert answers([result_row(7.0, metric="their_metric")], "their_metric > 5")[0][0] == "fail"


def test_limits_at_the_ends_of_the_range_are_meant():
    assert answers([result_row(0.0)], "ece > 0", "ece >= 1") == [("pass", ["pass"]), ("pass", ["pass"])]

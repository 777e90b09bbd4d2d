"""An answer follows from the whole range of a number, and never goes back as the limit rises."""

import math

import pytest
from helpers.result_rows import result_row, with_interval
from hypothesis import given
from hypothesis import strategies as st

from reliseg.report.gate.judgement import Evidence, evidence_of, judge, worst
from reliseg.results import Value

NUMBERS = st.floats(-1e6, 1e6)
RANGE = Evidence(0.5, 0.4, 0.6, is_interval=True)


@pytest.mark.parametrize(
    ("comparison", "limit", "answer"),
    [
        (">", 0.3, "fail"),
        (">", 0.4, "undecided"),  # at 0.4 itself it would pass
        (">", 0.5, "undecided"),
        (">", 0.6, "pass"),
        (">=", 0.4, "fail"),
        (">=", 0.6, "undecided"),
        (">=", 0.7, "pass"),
        ("<", 0.4, "pass"),
        ("<", 0.6, "undecided"),
        ("<", 0.7, "fail"),
        ("<=", 0.3, "pass"),
        ("<=", 0.4, "undecided"),
        ("<=", 0.6, "fail"),
    ],
)
def test_a_range_passes_or_fails_as_a_whole(comparison, limit, answer):
    assert judge(RANGE, comparison, limit) == answer


@given(NUMBERS, st.floats(0, 10), st.floats(0, 10), st.lists(NUMBERS, min_size=2), st.booleans(), st.booleans())
def test_the_answer_is_monotone_in_the_limit(value, below, above, limits, doubtful, or_equal):
    evidence = Evidence(value, value - below, value + above, True, doubtful)
    order = ["fail", "undecided", "pass"]
    for comparison, sequence in ((">", sorted(limits)), ("<", sorted(limits, reverse=True))):
        comparison = f"{comparison}=" if or_equal else comparison
        ranks = [order.index(judge(evidence, comparison, limit)) for limit in sequence]
        assert ranks == sorted(ranks)


@given(NUMBERS, st.floats(0, 10), st.floats(0, 10), NUMBERS)
def test_a_condition_and_its_opposite_are_never_both_passed(value, below, above, limit):
    evidence = Evidence(value, value - below, value + above, True)
    pairs = [{judge(evidence, a, limit), judge(evidence, b, limit)} for a, b in ((">", "<="), ("<", ">="))]
    assert all(pair in ({"pass", "fail"}, {"undecided"}) for pair in pairs)


@given(NUMBERS, NUMBERS)
def test_an_exact_number_is_judged_as_numbers_are_compared(value, limit):
    assert (judge(Evidence(value, value, value), ">", limit) == "fail") == (value > limit)


@pytest.mark.parametrize("comparison", [">", ">=", "<", "<="])
@pytest.mark.parametrize("limit", [-1.0, 0.0, 2.0])
def test_what_is_undefined_fails_whatever_the_limit(comparison, limit):
    assert judge(Evidence(math.nan), comparison, limit) == "fail"


@pytest.mark.parametrize(("limit", "answer"), [(0.3, "fail"), (0.5, "undecided"), (0.7, "undecided")])
def test_an_interval_in_doubt_never_passes(limit, answer):
    assert judge(Evidence(0.5, 0.4, 0.6, True, doubtful=True), ">", limit) == answer


def test_the_worst_answer_is_that_of_all():
    assert worst([]) == worst(["pass", "pass"]) == "pass"
    assert worst(["pass", "undecided"]) == "undecided"
    assert worst(["undecided", "fail", "pass"]) == "fail"


def test_a_row_is_judged_by_its_interval():
    assert evidence_of(with_interval(result_row(0.5), 0.4, 0.7)) == Evidence(0.5, 0.4, 0.7, True, units="20 images")


def test_an_interval_with_a_note_is_in_doubt():
    evidence = evidence_of(with_interval(result_row(0.5), 0.4, 0.7, "the class stands in 2 of 20 images"))
    assert evidence.doubtful
    assert evidence.note == "the class stands in 2 of 20 images"


def test_a_row_without_an_interval_is_judged_by_its_bracket_and_says_why():
    bracketed = Value.between("auroc", (0.5, 0.3, 0.6), "auroc/test")
    row = result_row(bracketed.value, metric="auroc", lo=bracketed.lo, hi=bracketed.hi, ci_note="one image alone")
    assert evidence_of(row) == Evidence(0.5, 0.3, 0.6, note="one image alone")
    assert evidence_of(result_row(0.5)) == Evidence(0.5, 0.5, 0.5, note="the run has no interval of it")
    assert evidence_of(result_row(0.5, lo=math.nan, hi=math.nan)).low == 0.5


def test_an_undefined_row_keeps_its_reason():
    evidence = evidence_of(result_row(math.nan))
    assert math.isnan(evidence.value)
    assert evidence.note == "no pixel"

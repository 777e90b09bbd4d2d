"""Ranking measures against exact fractions, scikit-learn, and every order that a bin can hide."""

from fractions import Fraction
from itertools import chain, product

import numpy as np
import pytest
from helpers import textbook
from helpers.ranking_measures import MEASURES
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from reliseg.stats import ranking

both = pytest.mark.parametrize(("measure", "definition"), MEASURES.values(), ids=MEASURES)

ROUNDING = 1e-12
"""Some hundred float64 operations on numbers of at most a few hundred, against exact fractions."""


def histograms(*, size=8, most=9):
    """Ties of at least one pixel, with pixels of both kinds among them."""
    tie = st.tuples(st.integers(0, most), st.integers(0, most)).filter(any)
    return st.lists(tie, min_size=1, max_size=size).filter(lambda t: any(p for p, _ in t) and any(n for _, n in t))


def arrays(ties):
    found = np.array(ties, np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1]


@both
@given(ties=histograms())
@settings(max_examples=60, deadline=None)
def test_value_is_the_definition_with_every_bin_as_one_tie(measure, definition, ties):
    value, lo, hi = measure(*arrays(ties))
    assert value == pytest.approx(float(definition(ties)), rel=ROUNDING, abs=ROUNDING)
    assert lo - ROUNDING <= value <= hi + ROUNDING


@both
@pytest.mark.parametrize(
    "ties",
    [
        [(2, 2)],
        [(1, 0), (2, 2)],
        [(2, 2), (1, 3)],
        [(0, 1), (3, 2), (1, 0)],
        [(2, 1), (0, 2), (2, 1)],
        [(3, 0), (0, 3)],
        [(1, 2), (2, 1), (1, 1)],
        [(3, 4)],
        [(1, 3), (3, 1)],
    ],
)
def test_bracket_is_the_range_over_all_orders_inside_the_bins(measure, definition, ties):
    orders = product(*(list(textbook.weak_orders(p, n)) for p, n in ties))
    found = [definition(list(chain(*order))) for order in orders]
    _, lo, hi = measure(*arrays(ties))
    assert lo == pytest.approx(float(min(found)), abs=ROUNDING)
    assert hi == pytest.approx(float(max(found)), abs=ROUNDING)


@both
@given(order=st.lists(st.booleans(), min_size=2, max_size=40).filter(lambda o: len(set(o)) == 2))
@settings(max_examples=30, deadline=None)
def test_bins_of_one_pixel_leave_no_bracket(measure, definition, order):
    ties = [(int(x), int(not x)) for x in order]
    value, lo, hi = measure(*arrays(ties))
    assert (lo, hi) == pytest.approx((value, value), abs=ROUNDING)
    assert value == pytest.approx(float(definition(ties)), abs=ROUNDING)


@given(ties=histograms(), gaps=st.lists(st.integers(0, 3), min_size=9, max_size=9))
@settings(max_examples=30, deadline=None)
def test_empty_bins_change_nothing(ties, gaps):
    pos, neg = arrays(ties)
    at = np.cumsum(np.array(gaps[: len(ties)]) + 1) - 1
    wide = np.zeros((2, int(at[-1]) + 1 + gaps[-1]), np.int64)
    wide[:, at] = pos, neg
    for measure, _ in MEASURES.values():
        assert measure(*ranking.drop_empty_bins(*wide)) == measure(*ranking.drop_empty_bins(pos, neg))
    for measure in (ranking.auroc, ranking.average_precision, ranking.area_under_risk):
        assert measure(*wide) == pytest.approx(measure(pos, neg), abs=ROUNDING)


@given(ties=histograms(size=30, most=40))
@settings(max_examples=40, deadline=None)
def test_scikit_learn_agrees(ties):
    pos, neg = arrays(ties)
    score = np.repeat(-np.arange(len(ties)), pos + neg)
    label = np.concatenate([np.repeat([True, False], pair) for pair in ties])
    assert ranking.auroc(pos, neg)[0] == pytest.approx(roc_auc_score(label, score), abs=ROUNDING)
    assert ranking.average_precision(pos, neg)[0] == pytest.approx(average_precision_score(label, score), abs=ROUNDING)
    out = ranking.average_precision(neg[::-1], pos[::-1])[0]
    assert out == pytest.approx(average_precision_score(~label, -score), abs=ROUNDING)
    fpr, tpr, _ = roc_curve(label, score, drop_intermediate=False)
    at = np.argmax(tpr * pos.sum() * 100 >= 95 * pos.sum() - 1e-6)  # scikit-learn's tpr is rounded, the count is not
    assert ranking.fpr_at_tpr(pos, neg)[0] == pytest.approx(fpr[at], abs=ROUNDING)


@given(ties=histograms())
@settings(max_examples=60, deadline=None)
def test_prr_by_areas_is_two_auroc_minus_one_exactly(ties):
    right, wrong = sum(p for p, _ in ties), sum(n for _, n in ties)
    auroc, e = textbook.auroc(ties), Fraction(wrong, right + wrong)
    assert textbook.prr(ties) / 100 == 2 * auroc - 1
    assert textbook.augrc(ties) == e * (1 - e) * (1 - auroc) + e * e / 2


@given(ties=histograms())
@settings(max_examples=40, deadline=None)
def test_other_way_round_auroc_is_the_same(ties):
    pos, neg = arrays(ties)
    assert ranking.auroc(neg[::-1], pos[::-1]) == pytest.approx(ranking.auroc(pos, neg), abs=ROUNDING)


@given(
    right=st.integers(0, 60),
    wrong=st.integers(0, 60),
)
@settings(max_examples=40, deadline=None)
def test_oracle_is_the_least_area_under_risk(right, wrong):
    assume(right + wrong)
    perfect = [tie for tie in ((right, 0), (0, wrong)) if any(tie)]
    least = ranking.least_area_under_risk(right, wrong)
    assert least == pytest.approx(float(textbook.aurc(perfect) - textbook.e_aurc(perfect)), abs=ROUNDING)
    assert textbook.e_aurc(perfect) == 0


@pytest.mark.parametrize("percent", [80, 90, 95])
@pytest.mark.parametrize("n", [1, 2, 19, 20, 21, 100, 101])
def test_risk_is_read_at_the_ceiling_of_the_coverage(percent, n):
    order = [(1, 0)] * (n - 1) + [(0, 1)]
    k = next(k for k in range(1, n + 1) if Fraction(k, n) >= Fraction(percent, 100))
    expected = 1 / n if k == n else 0.0
    assert ranking.risk_at(*arrays(order), percent) == (expected, expected, expected)


@pytest.mark.parametrize(("positives", "expected"), [(20, 18), (100, 94), (101, 95), (19, 18)])
def test_fpr95_is_read_where_95_percent_are_reached_and_no_later(positives, expected):
    """The negative after `expected` positives counts: one more positive is needed for 95 %."""
    needed = expected + 1
    assert Fraction(needed, positives) >= Fraction(95, 100) > Fraction(expected, positives)
    before = [(1, 0)] * expected + [(0, 1)] + [(1, 0)] * (positives - expected)
    after = [(1, 0)] * needed + [(0, 1)] + [(1, 0)] * (positives - needed)
    assert ranking.fpr_at_tpr(*arrays(before))[0] == 1
    assert ranking.fpr_at_tpr(*arrays(after))[0] == 0


def test_distinct_scores_become_bins_the_highest_first():
    pos, neg = ranking.histograms_of_scores(np.array([3.0, 1.0, 3.0]), np.array([2.0, 3.0]))
    assert pos.tolist() == [2, 0, 1]
    assert neg.tolist() == [1, 1, 0]


@pytest.mark.parametrize("start", [0, 1, 7, 999, 1000, 1001, 5000, 16_000, 10**5, 10**6 - 1, 10**6, 10**6 + 1, 10**8])
@pytest.mark.parametrize("length", [1, 2, 30, 1000])
def test_harmonic_differences_keep_their_digits(start, length):
    """They are multiplied by up to `start`, so that is taken into account: 1e-10 pixels."""
    exact = sum(1 / np.arange(start + 1, start + length + 1, dtype=np.longdouble))
    found = float(ranking.harmonic(np.array(float(start)), np.array(float(start + length))))
    assert abs(found - exact) * max(start, 1) <= 1e-10


@pytest.mark.parametrize(("start", "length"), [(1001, 64), (2000, 128), (2000, 131)])
def test_harmonic_differences_are_exact_on_both_sides_of_the_widest_that_a_series_gives(start, length):
    exact = sum(1 / np.arange(start + 1, start + length + 1, dtype=np.longdouble))
    assert abs(float(ranking.harmonic(np.array(float(start)), np.array(float(start + length)))) - exact) <= 3e-15
    assert (length / (2 * start + length + 1) > ranking.NARROW) == (length == 131)


def test_counts_of_a_billion_pixels_keep_values_in_range():
    """Products of counts beyond 2**53 are rounded: the perfect ranking is still 1 and not more."""
    right = np.array([10**9 + 7, 10**9 + 9, 3, 0, 0])
    wrong = np.array([0, 0, 0, 10**9 + 21, 10**8 + 7])
    assert ranking.auroc(right, wrong) == (1.0, 1.0, 1.0)
    assert ranking.average_precision(right, wrong)[0] == 1.0
    assert ranking.fpr_at_tpr(right, wrong) == (0.0, 0.0, 0.0)
    value, lo, hi = ranking.area_under_risk(right, wrong)
    assert value == pytest.approx(ranking.least_area_under_risk(right.sum(), wrong.sum()), abs=ROUNDING)
    assert 0 <= lo <= value <= hi <= 1


@given(
    ties=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=8).filter(
        lambda t: any(map(any, t))
    )
)
def test_risks_are_error_rates_of_the_most_confident_with_ties_spread_evenly(ties):
    right, wrong = arrays(ties)
    share = [Fraction(int(w), int(r + w)) for r, w in zip(right, wrong, strict=True) for _ in range(r + w)]
    accepted = np.arange(1, len(share) + 1)
    found = ranking.risks(right, wrong, accepted)
    assert found == pytest.approx([float(sum(share[:k]) / k) for k in accepted], abs=ROUNDING)

"""Comparisons: paired as the t-test of differences, else as Welch's; many at once by Holm's rule."""

import numpy as np
import pytest
from scipy import stats

from reliseg.intervals import compare, holm


def left_means(values):
    return (values.sum() - values) / (len(values) - 1)


@pytest.fixture
def pairs():
    random = np.random.default_rng(0)
    common = random.normal(0, 5, 80)
    return common + random.normal(0.3, 1, 80), common + random.normal(0, 1, 80)


def test_paired_numbers_lose_what_they_have_in_common(pairs):
    a, b = pairs
    found = compare(a.mean() - b.mean(), [left_means(a)], [left_means(b)], paired=True)
    test = stats.ttest_rel(a, b)
    assert found.p == pytest.approx(test.pvalue, rel=0.1)
    expected = test.confidence_interval()
    assert (found.interval.low, found.interval.high) == pytest.approx((expected.low, expected.high), rel=0.05)
    apart = compare(a.mean() - b.mean(), [left_means(a)], [left_means(b)], paired=False)
    assert apart.p == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue, rel=0.1)
    assert apart.p > 10 * found.p


def test_a_number_against_itself_does_not_differ(pairs):
    a, _ = pairs
    found = compare(0.0, [left_means(a)], [left_means(a)], paired=True)
    assert (found.p, found.interval.low, found.interval.high) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize("left", [[0.5], [0.5, np.nan]])
def test_what_has_no_spread_is_not_compared(left):
    found = compare(0.1, [np.array(left)], [np.array(left)], paired=True)
    assert np.isnan([found.p, found.interval.low]).all()
    assert found.interval.why


def test_holm_is_that_of_the_book_and_leaves_what_is_undefined():
    """4 x 0.005, 3 x 0.01, 2 x 0.03, and never less than the one before."""
    p = np.array([0.01, 0.04, np.nan, 0.03, 0.005])
    assert holm(p) == pytest.approx(np.array([0.03, 0.06, np.nan, 0.06, 0.02]), nan_ok=True)
    assert holm(np.array([0.9, 0.8])) == pytest.approx([1.0, 1.0])
    assert len(holm(np.zeros(0))) == 0

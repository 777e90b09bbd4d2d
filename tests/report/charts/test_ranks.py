"""Spearman's rank correlation."""

import pytest
from scipy.stats import spearmanr

from reliseg.report.charts.ranks import rank_correlation


def test_it_is_that_of_scipy_with_ties():
    first, second = [0.1, 0.4, 0.4, 0.2, 0.9, 0.7], [3, 1, 4, 1, 5, 9]
    assert rank_correlation(first, second) == pytest.approx(spearmanr(first, second).statistic)


def test_few_points_and_constants_have_none():
    assert rank_correlation([1, 2, 3, 4], [1, 2, 3, 4]) is None
    assert rank_correlation([1] * 6, range(6)) is None

"""Measures of ties have the bits of the values of rankings, whose brackets are measured too."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.stats import ranking
from reliseg.stats.filled.bins import FilledPair
from reliseg.stats.filled.ranked import rankings
from reliseg.stats.filled.ties import measures, risks

COUNTS = st.lists(st.integers(0, 5), min_size=7, max_size=7).filter(any)


def ranked_values(pair):
    return tuple(value for value, *_ in rankings(pair))


@given(first=COUNTS, second=COUNTS)
@settings(max_examples=60, deadline=None)
def test_measures_are_the_values_of_rankings(first, second):
    pair = FilledPair.of(np.array(first), np.array(second))
    assert measures(pair.first, pair.second) == ranked_values(pair)


@pytest.mark.parametrize("bins", [1, 130, 1500])
def test_measures_of_many_bins_are_the_values_of_rankings(bins):
    g = np.random.default_rng(bins)
    pair = FilledPair.of(
        g.integers(0, 3, bins) + (np.arange(bins) == 0), g.integers(0, 2, bins) + (np.arange(bins) == 0)
    )
    assert measures(pair.first, pair.second) == ranked_values(pair)


@given(right=COUNTS, wrong=COUNTS)
@settings(max_examples=60, deadline=None)
def test_risks_are_those_of_whole_arrays(right, wrong):
    pair = FilledPair.of(np.array(right), np.array(wrong))
    accepted = np.arange(1, sum(right) + sum(wrong) + 1)
    np.testing.assert_array_equal(
        risks(pair.first, pair.second, accepted), ranking.risks(pair.first, pair.second, accepted)
    )

"""Sums have NumPy's order."""

import numpy as np
import pytest

from reliseg.stats.filled.sums import pairwise_sum, whole_and_rest


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 100, 127, 128, 129, 136, 137, 1000, 5001, 70_003])
def test_sums_have_the_bits_of_numpy_s(n):
    g = np.random.default_rng(n)
    a = g.random((4, n))
    a[3] *= 10.0 ** g.integers(-9, 9, n)  # few numbers decide their sum, and not where it is cut
    assert list(map(pairwise_sum, a)) == [row.sum() for row in a]


def test_whole_parts_and_remainders_are_added_apart():
    rows = np.array([[2.75, -1.25, 2.0**52], [0.5, 3.0, 0.5]])
    whole, rest = whole_and_rest(rows)
    assert whole.tolist() == [2, 1, 2.0**52]
    assert rest.tolist() == [1.25, 0.75, 0.5]
    assert [sums.tolist() for sums in whole_and_rest(rows[:0])] == [[0, 0, 0]] * 2

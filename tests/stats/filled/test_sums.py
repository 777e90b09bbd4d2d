"""Sums have NumPy's order."""

import numpy as np
import pytest

from reliseg.stats.filled.sums import pairwise_sum, whole_and_rest


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 100, 127, 128, 129, 136, 137, 1000, 5001, 70_003])
def test_sums_have_the_bits_of_numpy_s(n):
    a = np.random.default_rng(n).random(n) * 10.0 ** np.random.default_rng(n + 1).integers(-9, 9, n)
    assert pairwise_sum(a) == a.sum()


def test_whole_parts_and_remainders_are_added_apart():
    rows = np.array([[2.75, -1.25, 2.0**52], [0.5, 3.0, 0.5]])
    whole, rest = whole_and_rest(rows)
    assert whole.tolist() == [2, 1, 2.0**52]
    assert rest.tolist() == [1.25, 0.75, 0.5]
    assert [sums.tolist() for sums in whole_and_rest(rows[:0])] == [[0, 0, 0]] * 2

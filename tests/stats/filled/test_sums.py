"""Sums have NumPy's order."""

import numpy as np
import pytest

from reliseg.stats.filled.sums import pairwise_sum


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 100, 127, 128, 129, 136, 137, 1000, 5001, 70_003])
def test_sums_have_the_bits_of_numpy_s(n):
    a = np.random.default_rng(n).random(n) * 10.0 ** np.random.default_rng(n + 1).integers(-9, 9, n)
    assert pairwise_sum(a) == a.sum()

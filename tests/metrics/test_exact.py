"""Exact sums: what `math.fsum` gives, in any order."""

import math

import numpy as np
import pytest

from reliseg.metrics.exact import total
from reliseg.stats.fixed import UNIT


def test_sums_are_those_of_fsum_to_the_bit_in_any_order():
    random = np.random.default_rng(0)
    values = random.integers(-(2**45), 2**45, (400, 3, 2)) / UNIT * random.choice([1, 2**10], (400, 3, 2))
    found = total(values)
    assert found.shape == (1, 3, 2)
    assert found[0].tolist() == [[math.fsum(values[:, i, k]) for k in range(2)] for i in range(3)]
    assert total(values[::-1]).tobytes() == found.tobytes()


def test_what_sums_have_no_room_for_is_an_error():
    with pytest.raises(OverflowError):
        total(np.full((3, 1), 2.0**52))


def test_counts_of_any_width_have_real_sums():
    counts = np.full((3, 2), 2**32 - 1, np.uint32)
    found = total(counts)
    assert (found.dtype, found.tolist()) == (np.float64, [[3.0 * (2**32 - 1)] * 2])


def test_the_sum_of_nothing_is_zero():
    assert total(np.zeros((0, 2))).tolist() == [[0, 0]]

"""Two-limb sums against Python's integers."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliseg.stats.fixed import UNIT, carry, limbs, real, taken, total, units

SIGNED = st.integers(-(2**62), 2**62)


def exact(sums):
    """The sum as a Python integer."""
    return int(sums[0]) * 2**32 + int(sums[1])


@given(SIGNED)
def test_limbs_are_canonical_and_lose_nothing(total_units):
    sums = limbs(np.array(total_units, np.int64))
    assert exact(sums) == total_units
    assert 0 <= sums[1] < 2**32


@given(st.lists(SIGNED, min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_any_order_and_grouping_gives_the_same_bytes_also_beyond_63_bits(parts, shuffle: random.Random):
    sums = [limbs(np.array(p, np.int64)) for p in parts]
    one_by_one = sums[0]
    for s in sums[1:]:
        one_by_one = carry(one_by_one + s)
    while len(sums) > 1:
        a, b = (sums.pop(shuffle.randrange(len(sums))) for _ in range(2))
        sums.append(carry(a + b))
    assert exact(one_by_one) == sum(parts)
    np.testing.assert_array_equal(sums[0], one_by_one)
    assert 0 <= one_by_one[1] < 2**32


@given(st.lists(st.integers(-(2**80), 2**80), min_size=6, max_size=6))
def test_total_sums_over_axes_counted_before_the_limbs(values):
    sums = np.array([[v >> 32, v & (2**32 - 1)] for v in values], np.int64).reshape(2, 3, 2)
    grid = np.array(values, object).reshape(2, 3)
    for axis, expected in ((0, grid.sum(axis=0)), (-1, grid.sum(axis=1)), (1, grid.sum(axis=1))):
        assert [exact(s) for s in total(sums, axis)] == expected.tolist()
    for axes in ((0, 1), (-1, -2), (0, -1)):
        assert exact(total(sums, axes)) == sum(values)


@given(st.integers(-(2**84), 2**84))
def test_real_is_the_sum_to_the_last_bits(value):
    """One rounding of the high limb, one of the sum: 2 half units in the last place."""
    sums = np.array([value >> 32, value & (2**32 - 1)], np.int64)
    assert float(real(sums)) == pytest.approx(value / UNIT, rel=2**-52, abs=0)


@pytest.mark.parametrize("count", [-5, -1, 0, 1, 2**32 - 1, 2**32, -(2**32), -(2**32) - 1])
def test_small_sums_are_exact(count):
    assert float(real(limbs(np.array(count, np.int64)))) == count / UNIT


@given(st.floats(-(2.0**18), 2.0**18))
def test_units_are_rounded_to_nearest(value):
    found = int(units(np.array(value)))
    assert abs(found - value * UNIT) <= 0.5


@pytest.mark.parametrize(("value", "expected"), [(0.5, 0), (1.5, 2), (2.5, 2), (-0.5, 0), (-1.5, -2), (0.51, 1)])
def test_halves_go_to_even_so_that_sums_are_not_biased(value, expected):
    assert int(units(np.array(value / UNIT))) == expected


@pytest.mark.parametrize("apart", [False, True])
def test_sums_at_places_are_those_of_all_and_limbs_that_lie_apart_stay_so(apart):
    sums = limbs(np.random.default_rng(0).integers(-(2**60), 2**60, 50))
    if apart:
        sums = np.ascontiguousarray(sums.T).T
    places = np.array([3, 3, 7, 49])
    found = taken(sums, places)
    np.testing.assert_array_equal(found, sums[places])
    assert not apart or found[:, 0].flags.c_contiguous

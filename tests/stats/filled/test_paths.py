"""Paths through intervals."""

import numpy as np

from reliseg.stats.filled.paths import extreme_movement


def test_the_least_and_the_greatest_way_through_intervals():
    low, high = np.array([0.0, 1.0, -2.0]), np.array([0.0, 3.0, 2.0])
    assert extreme_movement(low, high, False) == 1
    assert extreme_movement(low, high, True) == 8

"""Paths through intervals."""

import numpy as np

from reliseg.stats.filled.paths import exchanges, extreme_movement


def test_the_least_and_the_greatest_way_through_intervals():
    low, high = np.array([0.0, 1.0, -2.0]), np.array([0.0, 3.0, 2.0])
    assert extreme_movement(low, high, False) == 1
    assert extreme_movement(low, high, True) == 8


def test_pixels_are_exchanged_across_the_edge_between_bins_that_touch_alone():
    """Of few pixels all may be near an edge: 3 wrong ones before it, 2 right ones after it."""
    edges = np.array([0.9, 0.8, 0.6])
    blur, tied = exchanges(np.array([4, 5, 7]), np.array([3, 0, 1]), np.array([0, 2, 0]), edges)
    assert blur.tolist() == [0, 3 * 0.8 + 2 * (1 - 0.8), 0]
    assert tied.tolist() == [False, True, False]

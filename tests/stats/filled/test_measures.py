"""Passes over the bins of one order."""

import numpy as np

from reliseg.stats.filled.measures import NEAR, areas, pairs, reach, segments

POS, NEG = np.array([4, 0, 3, 900]), np.array([1, 2, 0, 900])


def test_segments_with_pixels_are_listed_and_near_ones_have_their_ends():
    x, rest, near = segments(POS, NEG, True, True)
    assert len(x) == len(rest) == 2 * 3 + 2 * 3 + 4  # two of each kind in each bin that has it, and the bins
    there = near[0] >= 0
    assert (near[0, there] <= NEAR).all()
    assert (near[1, there] > near[0, there]).all()


def test_pairs_and_places_of_a_few_pixels():
    assert pairs(np.array([1, 1]), np.array([0, 2])) == (0.5, 0.5)
    assert reach(POS, NEG, 5, False) == (2, 4, 3)
    assert reach(POS, NEG, 6, True) == (1, 4, 1)


def test_without_risk_only_precision_is_computed():
    x, rest, _ = segments(POS, NEG, False, True)
    precision, risk = areas(POS, NEG, np.log1p(x) + rest, False, True)
    assert 0 < precision[1] < precision[0] < precision[2] < 1
    assert risk == (0, 0, 0)

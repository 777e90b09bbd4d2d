"""Passes over the bins of one order."""

import numpy as np

from reliseg.stats.filled.measures import areas, pairs, reach, segments
from reliseg.stats.ranking import NARROW, NEAR, harmonic

POS, NEG = np.array([4, 0, 3, 900]), np.array([1, 2, 0, 900])


def test_segments_with_pixels_are_listed_and_those_that_a_series_gives_have_their_sums():
    many = np.array([4, 0, 3, 900, 20]), np.array([1, 2, 0, 900, 5])
    starts, ends, sums = segments(*many, True, True)
    assert len(sums) == 2 * 4 + 2 * 4 + 5  # two of each kind in each bin that has it, and the bins
    assert (ends > starts).all()
    is_narrow = (ends - starts) / (ends + starts + 1) <= NARROW
    np.testing.assert_array_equal(sums > 0, (starts > NEAR) & is_narrow)
    known = sums > 0
    assert known.sum() == 5
    np.testing.assert_array_equal(sums[known], harmonic(starts[known], ends[known]))
    assert (sums[~known] == -1).all()


def test_pairs_and_places_of_a_few_pixels():
    assert pairs(np.array([1, 1]), np.array([0, 2])) == (0.5, 0.5)
    assert reach(POS, NEG, 5, False) == (2, 4, 3)
    assert reach(POS, NEG, 6, True) == (1, 4, 1)


def test_without_risk_only_precision_is_computed():
    starts, ends, _ = segments(POS, NEG, False, True)
    precision, risk = areas(POS, NEG, harmonic(starts, ends), False, True)
    assert 0 < precision[1] < precision[0] < precision[2] < 1
    assert risk == (0, 0, 0)

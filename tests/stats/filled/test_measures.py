"""Passes over the bins of one order."""

import numpy as np

from reliseg.stats.filled.measures import areas, hard_bins, pairs, reach
from reliseg.stats.ranking import NARROW, NEAR, harmonic

POS, NEG = np.array([4, 0, 3, 900]), np.array([1, 2, 0, 900])


def segments(tp, fp, p, q):
    """Of a bin, in the order of `areas`."""
    start, end = tp + fp, tp + fp + p + q
    return np.array([(start + q, end), (start, start + p), (start + p, end), (start, start + q), (start, end)], float).T


def hard(pos, neg):
    bins, before = hard_bins(pos, neg)
    return bins, before, harmonic(*np.stack([segments(*before[:, k], pos[i], neg[i]) for k, i in enumerate(bins)], 2))


def test_hard_bins_are_those_with_a_segment_that_no_series_gives():
    g = np.random.default_rng(0)
    pos, neg = g.integers(0, 90, 200), g.integers(0, 90, 200)
    pos[100], neg[150] = 900, 3000
    bins, before = hard_bins(pos, neg)
    reached = np.stack([np.cumsum(kind) - kind for kind in (pos, neg)])
    np.testing.assert_array_equal(before, reached[:, bins])
    for i in range(len(pos)):
        starts, ends = segments(*reached[:, i], pos[i], neg[i])
        is_hard = (starts <= NEAR) | ((ends - starts) / (ends + starts + 1) > NARROW)
        assert is_hard.any() == (i in bins), i
    assert {100, 150} < set(bins.tolist()) < set(range(160))


def test_areas_read_the_sums_of_hard_bins_and_a_series_for_the_others():
    g = np.random.default_rng(1)
    pos, neg = g.integers(0, 90, 1200), g.integers(1, 90, 1200)
    bins, before, sums = hard(pos, neg)
    found = areas(pos, neg, bins, before, sums, True, True)
    reached = np.stack([np.cumsum(kind) - kind for kind in (pos, neg)])
    every = np.arange(len(pos))
    all_sums = harmonic(*np.stack([segments(*reached[:, i], pos[i], neg[i]) for i in every], 2))
    assert areas(pos, neg, every, reached.astype(float), all_sums, True, True) == found
    assert areas(pos, neg, bins, before, sums * 2, True, True) != found


def test_pairs_and_places_of_a_few_pixels():
    assert pairs(np.array([1, 1]), np.array([0, 2])) == (0.5, 0.5)
    assert reach(POS, NEG, 5, False) == (2, 4, 3)
    assert reach(POS, NEG, 6, True) == (1, 4, 1)


def test_without_risk_only_precision_is_computed():
    bins, before, sums = hard(POS, NEG)
    precision, risk = areas(POS, NEG, bins, before, sums[:1], False, True)
    assert 0 < precision[1] < precision[0] < precision[2] < 1
    assert risk == (0, 0, 0)

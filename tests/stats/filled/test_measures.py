"""Passes over the bins of one order."""

import numpy as np
import pytest

from reliseg.stats.filled.measures import EVEN, FIRST, LAST, areas, hard_bins, pairs, reach, segments
from reliseg.stats.ranking import NARROW, NEAR, area_under_risk, average_precision, harmonic, most_precision

WAYS = (EVEN, FIRST, LAST)
MANY = np.random.default_rng(2)
POS, NEG = np.array([4, 0, 3, 900]), np.array([1, 2, 0, 900])


def sums(pos, neg, before, way):
    return harmonic(*segments(pos, neg, before.sum(axis=0).astype(float), way))


def apart(pos):
    """Places of bins that do not touch."""
    return 4 * np.arange(len(pos))


def reached(pos, neg):
    return np.stack([np.cumsum(kind) - kind for kind in (pos, neg)]).astype(float)


def found(pos, neg, way, risk):
    hard, before = hard_bins(pos, neg)
    return areas(pos, neg, apart(pos), hard, before, sums(pos[hard], neg[hard], before, way), way, risk)


def test_hard_bins_are_those_with_a_segment_that_no_series_gives():
    g = np.random.default_rng(0)
    pos, neg = g.integers(0, 90, 200), g.integers(0, 90, 200)
    pos[100], neg[150] = 900, 3000
    bins, before = hard_bins(pos, neg)
    np.testing.assert_array_equal(before, reached(pos, neg)[:, bins])
    every = [segments(pos, neg, reached(pos, neg).sum(axis=0), way) for way in WAYS]
    for i in range(len(pos)):
        starts, ends = np.concatenate([way[:, :, i] for way in every], axis=1)
        is_hard = (starts <= NEAR) | ((ends - starts) / (ends + starts + 1) > NARROW)
        is_hard &= ends > starts
        assert is_hard.any() == (i in bins), i
    assert {100, 150} < set(bins.tolist()) < set(range(160))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("risk", [False, True])
def test_areas_read_the_sums_of_hard_bins_and_a_series_for_the_others(way, risk):
    g = np.random.default_rng(1)
    pos, neg = g.integers(0, 90, 1200), g.integers(1, 90, 1200)
    every, before = np.arange(len(pos)), reached(pos, neg)
    whole = sums(pos, neg, before, way)
    assert areas(pos, neg, apart(pos), every, before, whole, way, risk) == found(pos, neg, way, risk)
    twice = areas(pos, neg, apart(pos), every, before, whole * 2, way, risk)
    are_read = way == LAST, risk
    assert tuple(a != b for a, b in zip(twice, found(pos, neg, way, risk), strict=True)) == are_read


@pytest.mark.parametrize(("pos", "neg"), [(POS, NEG), (MANY.integers(0, 90, 1200), MANY.integers(1, 90, 1200))])
def test_areas_are_those_of_the_definition(pos, neg):
    for way, of_precision, of_risk in ((EVEN, 0, 0), (FIRST, 2, 1), (LAST, 1, 2)):  # of (value, lo, hi)
        precision = average_precision(pos, neg)[of_precision]
        assert found(pos, neg, way, False) == (precision, 0)
        assert found(pos, neg, way, True) == (precision, area_under_risk(pos, neg)[of_risk])


@pytest.mark.parametrize("step", [1, 2, 3])
def test_precision_is_highest_where_pixels_may_be_tied_with_the_next_ones(step):
    g = np.random.default_rng(3)
    pos, neg = g.integers(0, 90, 1200), g.integers(0, 3, 1200)
    places = np.cumsum(g.integers(1, 1 + step, 1200))
    hard, before = np.empty(0, np.int64), np.empty((2, 0))
    highest, _ = areas(pos, neg, places, hard, before, before, FIRST, False)
    assert highest == most_precision(pos, neg, places) > average_precision(pos, neg)[2]


def test_pairs_and_places_of_a_few_pixels():
    assert pairs(np.array([1, 1]), np.array([0, 2])) == (0.5, 0.5)
    assert reach(POS, NEG, 5, False) == (2, 4, 3)
    assert reach(POS, NEG, 6, True) == (1, 4, 1)

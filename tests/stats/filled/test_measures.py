"""Passes over the bins of one order."""

import numpy as np
import pytest

from reliseg.stats.filled.measures import BEST, NEAR, TIED, WORST, areas, pairs, reach, segments

POS, NEG = np.array([4, 0, 3, 900]), np.array([1, 2, 0, 900])


@pytest.mark.parametrize(("order", "count"), [(TIED, 4), (BEST, 6), (WORST, 6)])
def test_segments_with_pixels_are_listed_and_near_ones_have_their_ends(order, count):
    pos, neg = (kind[POS + NEG > 0] for kind in (POS, NEG))
    x, rest, near = segments(pos, neg, order, True)
    assert len(x) == len(rest) == count
    there = near[0] >= 0
    assert (near[0, there] <= NEAR).all()
    assert (near[1, there] > near[0, there]).all()


def test_pairs_and_places_of_a_few_pixels():
    assert pairs(np.array([1, 1]), np.array([0, 2])) == (0.5, 0.5)
    assert reach(POS, NEG, 5, False) == (2, 4, 3)
    assert reach(POS, NEG, 6, True) == (1, 4, 1)


def test_without_risk_only_precision_is_computed():
    found = []
    for order in (WORST, TIED, BEST):
        x, rest, _ = segments(POS, NEG, order, False)
        assert len(x) == (3 if order == WORST else 0)
        precision, risk = areas(POS, NEG, np.log1p(x) + rest, order, False)
        found.append(precision)
        assert risk == 0
    assert 0 < found[0] < found[1] < found[2] < 1

"""Passes over the bins of one order."""

import numpy as np
import pytest

from reliseg.stats.filled.measures import EVEN, FIRST, LAST, areas, reach
from reliseg.stats.ranking import NARROW, NEAR, area_under_risk, average_precision, most_precision

WAYS = {EVEN: (0, 0), FIRST: (2, 1), LAST: (1, 2)}
"""Of (value, lo, hi): which one average precision has then, and which the area under risk."""
MANY = np.random.default_rng(2)
POS, NEG = np.array([4, 0, 3, 900]), np.array([1, 2, 0, 900])


def apart(pos):
    """Places of bins that do not touch."""
    return 4 * np.arange(len(pos))


def found(pos, neg, way, risk):
    of_areas = areas(pos, neg, apart(pos), way, risk, False)
    turned = areas(neg[::-1].copy(), pos[::-1].copy(), 4 * len(pos) - apart(pos)[::-1], way, risk, True)
    assert turned == (*of_areas[:2], 0, 0)
    return of_areas[:2]


def early(g):
    """A few pixels a bin: many bins start before the series holds, one of them at its first place."""
    pos, neg = g.integers(0, 9, 600), g.integers(1, 9, 600)
    before = int(np.searchsorted(np.cumsum(pos + neg), NEAR)) - 1
    pos[before] += NEAR - int((pos + neg)[: before + 1].sum())
    assert NEAR in np.cumsum(pos + neg)
    return pos, neg


def wide(g):
    """Some bins are just as wide as the series allows, others one pixel wider; one holds most of the pixels."""
    pos, neg = g.integers(0, 90, 300), g.integers(1, 90, 300)
    for i in range(100, 300, 10):
        start = int((pos + neg)[:i].sum())
        pos[i] = int((2 * start + 1) / (1 / NARROW - 1)) + i // 10 % 2 - neg[i]
    pos[290] = 10**7
    return pos, neg


@pytest.mark.parametrize(
    ("pos", "neg"),
    [
        (POS, NEG),
        (MANY.integers(0, 90, 1200), MANY.integers(1, 90, 1200)),
        early(MANY),
        wide(MANY),
        *((p[::-1].copy(), n[::-1].copy()) for p, n in (early(MANY), wide(MANY))),
    ],
)
def test_areas_are_those_of_the_definition(pos, neg):
    for way, (of_precision, of_risk) in WAYS.items():
        precision = average_precision(pos, neg)[of_precision]
        assert found(pos, neg, way, False) == (precision, 0)
        assert found(pos, neg, way, True) == (precision, area_under_risk(pos, neg)[of_risk])


@pytest.mark.parametrize("step", [1, 2, 3])
def test_precision_is_highest_where_pixels_may_be_tied_with_the_next_ones(step):
    g = np.random.default_rng(3)
    pos, neg = g.integers(0, 90, 1200), g.integers(0, 3, 1200)
    places = np.cumsum(g.integers(1, 1 + step, 1200))
    highest, *_ = areas(pos, neg, places, FIRST, False, False)
    assert highest == most_precision(pos, neg, places) > average_precision(pos, neg)[2]
    other, *_ = areas(pos, neg, places, FIRST, False, True)
    assert other == most_precision(neg[::-1], pos[::-1], 2 * places[-1] - places[::-1])


def test_pairs_of_a_few_pixels():
    bins = np.array([1, 1]), np.array([0, 2]), np.arange(2)
    assert areas(*bins, EVEN, False, False)[2:] == (0.5, 0.5)


@pytest.mark.parametrize(
    ("wanted", "both", "found"),
    [
        ([1, 4, 5, 8], False, [(0, 0, 4, 1), (0, 0, 4, 1), (4, 3, 3, 0), (7, 3, 900, 900)]),
        ([5, 6, 7, 8, 1810], True, [(0, 0, 4, 1), (4, 1, 0, 2), (4, 1, 0, 2), (4, 3, 3, 0), (7, 3, 900, 900)]),
        ([2000], False, [(7, 3, 900, 900)]),
        ([], True, []),
    ],
)
def test_where_so_many_pixels_are_reached(wanted, both, found):
    expected, wanted = [list(one) for one in found], np.array(wanted, np.int64)
    assert reach(POS, NEG, wanted, both, False).tolist() == expected
    assert reach(NEG[::-1].copy(), POS[::-1].copy(), wanted, both, True).tolist() == expected

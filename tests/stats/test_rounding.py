"""How many pixels rounding may take across an edge, and the orders that this allows."""

from itertools import combinations_with_replacement, product

import numpy as np
import pytest
from helpers import textbook
from helpers.ranking_measures import MEASURES

from reliseg.stats import ranking
from reliseg.stats.bins import edges
from reliseg.stats.built_in_scores import fine_bins, msp_edges
from reliseg.stats.rounding import Ranking, pixels_near_confidences, pixels_near_edges

FLOAT64 = 1e-12


def array(*counts):
    return np.array(counts, np.int64)


def test_all_pixels_of_a_tie_may_belong_on_either_side_of_its_edges():
    before, after = pixels_near_edges(array(0, 7, 0, 0, 9))
    assert before.tolist() == [0, 7, 0, 0, 9]
    assert after.tolist() == [0, 7, 0, 0, 9]


def test_one_part_in_32_may_where_all_bins_hold_as_much():
    before, after = pixels_near_edges(np.full(5, 320))
    assert before.tolist() == [10, 10, 10, 10, 320]  # nothing is known beyond the last bin
    assert after.tolist() == [320, 10, 10, 10, 10]


def test_a_tie_among_other_pixels_stands_out():
    before, after = pixels_near_edges(array(100, 100, 600, 100, 100))
    assert before[2] >= 480
    assert after[2] >= 480
    assert before[1] == after[3] == 4


def test_bins_can_be_asked_for_one_by_one():
    counts = np.random.default_rng(0).poisson(3, (2, 50))
    every = pixels_near_edges(counts)
    some = pixels_near_edges(counts, array(0, 7, 49))
    for one, other in zip(every, some, strict=True):
        np.testing.assert_array_equal(one[:, [0, 7, 49]], other)
    assert [near.tolist() for near in pixels_near_edges(counts[0], array(-1, 50))] == [[0, 0], [0, 0]]


@pytest.mark.parametrize("edge", edges()[1:-1])
def test_pixels_of_the_fine_bins_at_a_confidence_are_near_it_and_no_others(edge):
    bins = fine_bins("msp")
    for step in (-1e-9, 1e-9):
        counts = np.zeros((2, bins.size), np.int64)
        counts[1, bins.index(np.array([1 / (edge + step) - 1]))] = 5
        assert pixels_near_confidences(counts, np.array([edge]))[:, 0].tolist() == [0, 5]
    fine = msp_edges()
    away = int(np.searchsorted(-fine, -edge)) + 3
    counts = np.zeros((2, bins.size), np.int64)
    counts[0, [away, away - 6]] = 9
    assert not pixels_near_confidences(counts, np.array([edge])).any()


def bracket(name, pos, neg):
    ranked = Ranking.of(pos, neg)
    if name == "average_precision":
        return ranked.average_precision()
    return ranked.bracket(MEASURES[name][0], rises=name == "auroc")


OFFSETS = (-0.25, 0, 2, 4.25)
"""Where a pixel may lie about a bin from 0 to 4: just before it, at its start, inside, just after it."""


def places_of(counts, b):
    """Places of the pixels of a bin, in all ways in which no more lie at an edge of it than may."""
    before, after = (int(near[b]) for near in pixels_near_edges(counts))
    for offsets in combinations_with_replacement(OFFSETS, int(counts[b])):
        if sum(at <= 0 for at in offsets) <= before and offsets.count(4.25) <= after:
            yield [4 * b + at for at in offsets]


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize(
    ("pos", "neg"),
    [
        ([1, 1], [1, 1]),
        ([2, 0, 1], [0, 1, 1]),
        ([0, 2], [2, 0]),
        ([1, 0, 2], [1, 1, 0]),
        ([1, 1, 1], [0, 0, 2]),
        ([0, 2, 2], [1, 0, 0]),
        ([3, 2, 2], [1, 0, 0]),  # one of the second bin before the negative, the others tied in two ways
        ([1, 3, 1], [1, 1, 0]),
        ([0, 1, 3], [2, 1, 0]),
    ],
)
def test_brackets_hold_every_order_in_which_a_pixel_moves_across_one_edge(name, pos, neg):
    kinds = np.array([kind for kind, counts in ((True, pos), (False, neg)) for _ in range(sum(counts))])
    _, lo, hi = bracket(name, array(*pos), array(*neg))
    ways = [list(places_of(array(*counts), b)) for counts in (pos, neg) for b in range(len(counts))]
    for places in product(*ways):
        ranked = textbook.ranking(-np.concatenate(places), kinds)
        assert lo - FLOAT64 <= float(MEASURES[name][1](ranked)) <= hi + FLOAT64, places


def test_no_bracket_grows_where_bins_do_not_touch():
    pos, neg = array(3, 0, 1, 0, 2), array(1, 0, 2, 0, 1)
    for name, (measure, _) in MEASURES.items():
        assert bracket(name, pos, neg) == measure(*ranking.drop_empty_bins(pos, neg))


def test_brackets_hardly_grow_where_pixels_are_many():
    g = np.random.default_rng(1)
    pos, neg = g.poisson(60, 3000), g.poisson(20, 3000)
    for name, growth in (("auroc", 1.02), ("average_precision", 1.05)):
        _, lo, hi = bracket(name, pos, neg)
        _, least, most = MEASURES[name][0](pos, neg)
        assert most - least < hi - lo < growth * (most - least)


def test_runs_of_bins_count_as_one_and_touch_at_their_ends():
    pos, neg = array(1, 0, 0, 1, 2, 0), array(0, 1, 0, 0, 1, 0)
    ranked = Ranking.of(pos, neg, array(0, 3))
    assert [counts.tolist() for counts in ranked.tied] == [[1, 3], [1, 1]]
    touching = Ranking.of(array(1, 0, 1), array(0, 1, 0), array(0, 2)).bracket(ranking.auroc, rises=True)
    assert touching == (0.25, 0.0, 1.0)  # the negative may be the least sure
    assert ranking.auroc(array(1, 1), array(1, 0)) == (0.25, 0.0, 0.5)  # but for rounding

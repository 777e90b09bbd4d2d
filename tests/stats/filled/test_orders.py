"""The orders of filled bins are those that the definition gives."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.stats.filled.bins import FilledPair
from reliseg.stats.filled.orders import by_chance, near_edges, orders
from reliseg.stats.rounding import Ranking, near_an_edge, near_edges_of_filled

PIXELS = st.tuples(st.sampled_from([0, 0, 1, 2, 64, 3000]), st.sampled_from([0, 0, 1, 7, 500]))
BINS = st.lists(PIXELS, min_size=1).filter(lambda bins: any(map(any, bins)))


@given(bins=BINS)
@settings(max_examples=300, deadline=None)
def test_orders_are_those_of_the_definition(bins):
    pos, neg = (np.array(kind, np.int64) for kind in zip(*bins, strict=True))
    pair, defined = FilledPair.of(pos, neg), Ranking.of(pos, neg)
    best, places, worst = orders(pair.places, pair.first, pair.second)
    for order, wanted in ((best, defined.best), (worst, defined.worst)):
        assert [kind.tolist() for kind in order] == [kind.tolist() for kind in wanted]
    assert follows(places) == follows(defined.places)


def follows(places):
    """Which bins may be tied with the next one; places have gaps of other widths where fine bins are empty."""
    return (np.diff((places + 1) // 2) <= 1).tolist()


def test_no_pixel_of_what_is_by_chance_lies_at_an_edge_for_sure():
    away = np.arange(5000)
    most = by_chance(away)
    np.testing.assert_array_equal(near_an_edge(most, away), -(-most // 32))
    assert (near_an_edge(most + 1, away) > -(-most // 32)).all()


def test_pixels_near_edges_are_those_of_the_definition():
    g = np.random.default_rng(0)
    places, counts = np.flatnonzero(g.random(500) < 0.6), g.integers(0, 90, 500)
    counts = counts[: len(places)]
    wanted = near_edges_of_filled(counts, np.append(np.diff(places) == 1, False))
    assert [kind.tolist() for kind in near_edges(places, counts)] == [kind.tolist() for kind in wanted]

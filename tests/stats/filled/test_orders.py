"""The orders of filled bins are those that the definition gives."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.stats.filled.bins import FilledPair
from reliseg.stats.filled.orders import near_edges, orders
from reliseg.stats.rounding import Ranking, near_edges_of_filled

PIXELS = st.tuples(st.sampled_from([0, 0, 1, 2, 64, 3000]), st.sampled_from([0, 0, 1, 7, 500]))
BINS = st.lists(PIXELS, min_size=1).filter(lambda bins: any(map(any, bins)))


@given(bins=BINS)
@settings(max_examples=300, deadline=None)
def test_orders_are_those_of_the_definition(bins):
    pos, neg = (np.array(kind, np.int64) for kind in zip(*bins, strict=True))
    pair, defined = FilledPair.of(pos, neg), Ranking.of(pos, neg)
    for found, wanted in zip(orders(pair.places, pair.first, pair.second), (defined.best, defined.worst), strict=True):
        assert [kind.tolist() for kind in found] == [kind.tolist() for kind in wanted]


def test_pixels_near_edges_are_those_of_the_definition():
    g = np.random.default_rng(0)
    places, counts = np.flatnonzero(g.random(500) < 0.6), g.integers(0, 90, 500)
    touching = np.append(np.diff(places) == 1, False)
    counts = counts[: len(places)]
    up, down, there = near_edges(places, counts)
    wanted = near_edges_of_filled(counts, touching)
    assert (up.tolist(), down.tolist()) == tuple(kind.tolist() for kind in wanted)
    assert there.astype(bool).tolist() == touching.tolist()

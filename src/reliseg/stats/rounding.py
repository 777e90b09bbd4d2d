"""What float32 may do at the edge of a bin: how many pixels may lie on its other side in exact arithmetic.

A pixel is computed in float32, from its logits to its bins. Its confidence is then off by up to 2**-22 where logits
are below 16 in magnitude, by twice as much below 32; its odds by up to 2**-18 of themselves. Where no more than that
separates it from an edge, it may fall into the next bin. Numbers that are read at edges have brackets that include it.

No statistic counts the pixels that lie so near to an edge. What a fine bin holds bounds them: rounding reaches over
1/32 of its width; and where pixels are tied at an edge, the bin holds more than the next one away from it, and more
than chance explains.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np

from reliseg.stats.built_in_scores import msp_edges
from reliseg.stats.ranking import Bracketed, Histogram, average_precision, drop_empty_bins, most_precision
from reliseg.types import Bool, Float64, Int64

ROUNDING = 2.0**-21
"""How far a mean confidence in float32 may be from that in exact arithmetic."""
_REACH = 2.0**-18
"""How far odds in float32 may be from exact ones, relative to them."""
_SHARE = 32
"""Rounding reaches over one part in so many of a fine bin."""

Counts: TypeAlias = Int64[np.ndarray, "*r b"]
Places: TypeAlias = Int64[np.ndarray, " m"]
Touching: TypeAlias = Bool[np.ndarray, " b"]
Order: TypeAlias = tuple[Histogram, Histogram]
Measure: TypeAlias = Callable[[Histogram, Histogram], Bracketed]


def pixels_near_edges(counts: Counts, bins: Places | None = None) -> tuple[Counts, Counts]:
    """Return how many pixels of each fine bin may belong before it, and how many after it; or of these bins alone.

    Bins are along the last axis of `counts`, all of them, also the empty ones; a bin beyond the last one is empty. All
    pixels of a bin may lie at an edge if the next bin away from it is empty.
    """
    places = np.arange(counts.shape[-1]) if bins is None else bins
    before, here, after = (_at(counts, places + step) for step in (-1, 0, 1))
    return near_an_edge(here, after), near_an_edge(here, before)


def _at(counts: Counts, places: Places) -> Counts:
    last = counts.shape[-1] - 1
    return counts.take(np.clip(places, 0, last), axis=-1) * ((places >= 0) & (places <= last))


def near_an_edge(counts: Counts, away: Counts) -> Counts:
    """Return how many pixels of a bin may lie at an edge, from what the next bin away from that edge holds."""
    by_chance = away + np.ceil(2 * np.sqrt(away)).astype(np.int64)
    return np.minimum(counts, -(-counts // _SHARE) + np.maximum(counts - by_chance, 0))


def pixels_near_confidences(known: Counts, confidences: Float64[np.ndarray, " k"]) -> Counts:
    """Return how many pixels, by row of `known`, may lie on the other side of each of these confidences.

    `known` are rows of counts by fine bin of msp.
    """
    return near_confidences(partial(_at, known), confidences)


def near_confidences(counts_at: Callable[[Places], Counts], confidences: Float64[np.ndarray, " k"]) -> Counts:
    """Return the same of rows that give the counts of fine bins of msp at any places."""
    edges = msp_edges()
    last_edge, odds = len(edges) - 2, 1 / confidences - 1
    # the surest fine bin that rounding reaches from there, and the least sure one
    first, last = (
        last_edge - np.searchsorted(edges[-2:0:-1], 1 / (1 + odds * reach), side="right")
        for reach in (1 - _REACH, 1 + _REACH)
    )
    around = [counts_at(first + step) for step in (-1, 0, 1)]
    to_before, to_after = near_an_edge(around[1], around[2]), near_an_edge(around[1], around[0])
    from_last = near_an_edge(counts_at(last), counts_at(last + 1))
    return np.where(first == last, np.maximum(to_before, to_after), to_after + from_last)


@dataclass(frozen=True, eq=False)
class Ranking:
    """Positives and negatives of a fine histogram, most confident bin first, in three orders without empty bins."""

    tied: Order
    """Every bin is one tie."""
    best: Order
    """As many positives before negatives as rounding allows, if positives come first in each bin."""
    places: Places
    """Of the bins of the best order: twice the place of a fine bin, or one more for what lies between two of them."""
    worst: Order
    """As few positives before negatives, if negatives come first."""

    @classmethod
    def of(cls, pos: Counts, neg: Counts, at: Places | None = None) -> "Ranking":
        """Rank the pixels of two histograms, with all their fine bins.

        Pixels near an edge change places across it: they stand in a bin of their own, between the two. `at` are the
        first fine bins of runs that count as one bin each, all bins if not given.
        """
        filled = np.flatnonzero(pos + neg != 0)
        pos, neg = pos[filled], neg[filled]
        touching = np.append(np.diff(filled) == 1, False)  # the next bin
        (pos_up, pos_down), (neg_up, neg_down) = (
            near_edges_of_filled(pos, touching),
            near_edges_of_filled(neg, touching),
        )
        if at is not None:
            first = np.flatnonzero(np.diff(np.searchsorted(at, filled, side="right"), prepend=-1))
            last = np.append(first[1:], len(filled)) - 1
            pos, neg = np.add.reduceat(pos, first), np.add.reduceat(neg, first)
            pos_up, neg_up, pos_down, neg_down = pos_up[first], neg_up[first], pos_down[last], neg_down[last]
            touching = touching[last]
        best = _exchanged((pos, pos_up), (neg, neg_down), touching)
        worst_neg, worst_pos = _exchanged((neg, neg_up), (pos, pos_down), touching)
        bins = np.cumsum(np.append(0, np.where(touching[:-1], 1, 2)))
        places = np.stack([2 * bins, 2 * bins + 1], axis=1).ravel()[best[0] + best[1] > 0]
        return cls((pos, neg), drop_empty_bins(*best), places, drop_empty_bins(worst_pos, worst_neg))

    def bracket(self, measure: Measure, *, rises: bool) -> Bracketed:
        """Return a measure with every bin as one tie, and its range over all orders that rounding allows.

        The measure must never fall where a positive changes places with a negative before it if it `rises`, else never
        rise; and ties must lie between the orders that part them.
        """
        (value, *_), (_, best_lo, best_hi), (_, worst_lo, worst_hi) = (
            measure(*order) for order in (self.tied, self.best, self.worst)
        )
        return (value, worst_lo, best_hi) if rises else (value, best_lo, worst_hi)

    def average_precision(self) -> Bracketed:
        """Return the step sum of precision over recall, and its range: precision may be highest where pixels tie."""
        value, lo, _ = self.bracket(average_precision, rises=True)
        return value, lo, most_precision(*self.best, self.places)


def near_edges_of_filled(counts: Histogram, touching: Touching) -> tuple[Histogram, Histogram]:
    """Return what `pixels_near_edges` does, where empty bins are left out."""
    before = np.concatenate([[0], (counts * touching)[:-1]])
    return near_an_edge(counts, _next(counts) * touching), near_an_edge(counts, before)


def _exchanged(
    rising: tuple[Histogram, Histogram], falling: tuple[Histogram, Histogram], touching: Touching
) -> tuple[Histogram, Histogram]:
    """Return the counts of what rises and of what falls, of every bin and of what is exchanged after it, in turn.

    Each comes as the pixels of a bin, and those of them that may leave it.
    """
    (up, up_leaves), (down, down_leaves) = rising, falling
    up_leaves = _next(up_leaves)
    both = (up_leaves > 0) & (down_leaves > 0) & touching
    up_leaves, down_leaves = up_leaves * both, down_leaves * both
    stay = up - np.concatenate([[0], up_leaves[:-1]]), down - down_leaves
    return np.stack([stay[0], up_leaves], axis=1).ravel(), np.stack([stay[1], down_leaves], axis=1).ravel()


def _next(values: np.ndarray) -> np.ndarray:
    """Return for each bin the value of the next one, and 0 for the last one."""
    return np.append(values[1:], values.dtype.type(0))

"""The orders of a ranking that rounding allows, in one pass over its filled bins: see `stats.rounding.Ranking`."""

import numpy as np

from reliseg.runtime.arithmetic import choose
from reliseg.runtime.numba_compile import exact_njit, inline_exact_njit
from reliseg.types import Int64

Bins = Int64[np.ndarray, " b"]
Two = tuple[np.int64, np.int64]
Order = tuple[Bins, Bins]


Orders = tuple[Order, Bins, Order]
"""The best order of two histograms, the places of its bins, and the worst order, without empty bins.

The place of a bin is twice that of its fine bin, or one more for what lies between two fine bins.
"""


@exact_njit
def by_chance(counts: Bins) -> Bins:
    """Return how many pixels chance explains in a bin beside one with so many; more are tied at its other edge."""
    found = np.empty(len(counts), np.int64)
    for i in range(len(counts)):
        found[i] = counts[i] + np.int64(np.ceil(2 * np.sqrt(np.float64(counts[i]))))
    return found


@inline_exact_njit
def _near(counts: np.int64, away: np.int64) -> np.int64:
    """Return how many pixels of a bin may lie at an edge; `away` is `by_chance` of the next bin away from that edge."""
    return min(counts, ((counts + 31) >> 5) + max(counts - away, np.int64(0)))


@exact_njit
def near_edges(places: Bins, counts: Bins) -> Order:
    """Return the pixels of each bin that may belong before it, and after it: see `stats.rounding.pixels_near_edges`."""
    n, away = len(places), by_chance(counts)
    up, down = np.empty(n, np.int64), np.empty(n, np.int64)
    none = np.int64(0)
    for i in range(n - 1):  # without branches, so that several are looked at at once
        touching = places[i + 1] - places[i] == 1
        up[i] = _near(counts[i], choose(touching, away[i + 1], none))
        down[i + 1] = _near(counts[i + 1], choose(touching, away[i], none))
    if n > 0:
        down[0], up[n - 1] = _near(counts[0], none), _near(counts[n - 1], none)
    return up, down


@inline_exact_njit
def _exchanged(up: np.int64, down: np.int64, touches: bool) -> Two:
    """Return what changes places across an edge, of what may: nothing if one kind has none of it."""
    swaps = touches & (up > 0) & (down > 0)
    return choose(swaps, up, np.int64(0)), choose(swaps, down, np.int64(0))


@inline_exact_njit
def _put(first: np.int64, second: np.int64, order: Order, k: int) -> int:
    """Put a bin into place k of an order; return the place of the next one: the same after an empty bin."""
    order[0][k], order[1][k] = first, second
    return k + ((first | second) != 0)


@inline_exact_njit
def _room(bins: int) -> Order:
    return np.empty(bins, np.int64), np.empty(bins, np.int64)


@exact_njit
def orders(places: Bins, pos: Bins, neg: Bins) -> Orders:
    """Return the orders of two histograms; bins at `places` have pixels."""
    n, (pos_up, pos_down), (neg_up, neg_down) = len(places), near_edges(places, pos), near_edges(places, neg)
    best, worst, at = _room(2 * n + 1), _room(2 * n + 1), np.empty(2 * n + 1, np.int64)
    b, w = 0, 0
    came_pos, came_neg = np.int64(0), np.int64(0)  # what the exchange before this bin took of it: best, worst order
    for i in range(n):  # without branches: what bins hold is as good as drawn, and no processor foresees it
        after = min(i + 1, n - 1)
        touches = places[after] - places[i] == 1
        rising, falling = _exchanged(pos_up[after], neg_down[i], touches)
        at[b] = 2 * places[i]
        b = _put(pos[i] - came_pos, neg[i] - falling, best, b)
        at[b] = 2 * places[i] + 1
        b = _put(rising, falling, best, b)
        came_pos = rising
        rising, falling = _exchanged(neg_up[after], pos_down[i], touches)
        w = _put(pos[i] - falling, neg[i] - came_neg, worst, w)
        w = _put(falling, rising, worst, w)
        came_neg = rising
    return (best[0][:b], best[1][:b]), at[:b], (worst[0][:w], worst[1][:w])

"""The orders of a ranking that rounding allows, in one pass over its filled bins: see `stats.rounding.Ranking`."""

import numpy as np

from reliseg.runtime.numba_compile import exact_njit, inline_exact_njit
from reliseg.types import Int64

Bins = Int64[np.ndarray, " b"]
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
    for i in range(n):
        touched, touches = i > 0 and places[i] == places[i - 1] + 1, i + 1 < n and places[i + 1] == places[i] + 1
        up[i] = _near(counts[i], away[i + 1] if touches else np.int64(0))
        down[i] = _near(counts[i], away[i - 1] if touched else np.int64(0))
    return up, down


@inline_exact_njit
def _if(condition: bool, number: np.int64) -> np.int64:
    return number if condition else np.int64(0)


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
    n, of_pos, of_neg = len(places), by_chance(pos), by_chance(neg)
    best, worst, at = _room(2 * n + 1), _room(2 * n + 1), np.empty(2 * n + 1, np.int64)
    b, w = 0, 0
    came_pos, came_neg = np.int64(0), np.int64(0)  # what the exchange before this bin took of it: best, worst order
    touched = False  # by the bin before
    touches = n > 1 and places[1] == places[0] + 1
    for i in range(n):  # without branches: what bins hold is as good as drawn, and no processor foresees it
        more, after = i + 1 < n, i + 2 < n and places[i + 2] == places[i + 1] + 1
        next_pos, next_neg = (pos[i + 1], neg[i + 1]) if more else (np.int64(0), np.int64(0))
        pos_up = _near(next_pos, _if(after, of_pos[i + 2 if after else i]))
        neg_up = _near(next_neg, _if(after, of_neg[i + 2 if after else i]))
        pos_down = _near(pos[i], _if(touched, of_pos[i - 1 if touched else i]))
        neg_down = _near(neg[i], _if(touched, of_neg[i - 1 if touched else i]))
        swaps = touches & (next_pos > 0) & (neg[i] > 0)
        rising, falling = _if(swaps, pos_up), _if(swaps, neg_down)
        at[b] = 2 * places[i]
        b = _put(pos[i] - came_pos, neg[i] - falling, best, b)
        at[b] = 2 * places[i] + 1
        b = _put(rising, falling, best, b)
        came_pos = rising
        swaps = touches & (next_neg > 0) & (pos[i] > 0)
        rising, falling = _if(swaps, neg_up), _if(swaps, pos_down)
        w = _put(pos[i] - falling, neg[i] - came_neg, worst, w)
        w = _put(falling, rising, worst, w)
        came_neg = rising
        touched, touches = touches, after
    return (best[0][:b], best[1][:b]), at[:b], (worst[0][:w], worst[1][:w])

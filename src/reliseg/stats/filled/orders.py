"""The orders of a ranking that rounding allows, in one pass over its filled bins: see `stats.rounding.Ranking`."""

import numpy as np

from reliseg.runtime.numba_compile import exact_njit, inline_exact_njit
from reliseg.types import Int64

Bins = Int64[np.ndarray, " b"]
Order = tuple[Bins, Bins]


@inline_exact_njit
def _near(counts: np.int64, away: np.int64) -> np.int64:
    """Return how many pixels of a bin may lie at an edge: see `stats.rounding.near_an_edge`."""
    by_chance = away + np.int64(np.ceil(2 * np.sqrt(np.float64(away))))
    return min(counts, (counts + 31) // 32 + max(counts - by_chance, np.int64(0)))


@exact_njit
def near_edges(places: Bins, counts: Bins) -> tuple[Bins, Bins, Bins]:
    """Return the pixels of each bin that may belong before it and after it, and where the next bin is filled."""
    n = len(places)
    up, down, touching = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    for i in range(n):
        touching[i] = 1 if i + 1 < n and places[i + 1] == places[i] + 1 else 0
        up[i] = _near(counts[i], counts[i + 1] if touching[i] else np.int64(0))
        down[i] = _near(counts[i], counts[i - 1] if i > 0 and touching[i - 1] else np.int64(0))
    return up, down, touching


@exact_njit
def orders(places: Bins, pos: Bins, neg: Bins) -> tuple[Order, Order]:
    """Return the best and the worst order of two histograms, without empty bins; bins at `places` have pixels."""
    n = len(places)
    pos_up, pos_down, touching = near_edges(places, pos)
    neg_up, neg_down, _ = near_edges(places, neg)
    best, worst = np.empty((2, 2 * n), np.int64), np.empty((2, 2 * n), np.int64)
    b, w = 0, 0
    joined = False  # the next entry of the best order is one tie with the last
    came_pos, came_neg = 0, 0  # what the exchange before this bin took of it, in the best order and in the worst
    for i in range(n):
        next_pos_up = pos_up[i + 1] if i + 1 < n else 0
        next_neg_up = neg_up[i + 1] if i + 1 < n else 0
        swaps = touching[i] > 0 and next_pos_up > 0 and neg_down[i] > 0
        rising, falling = (next_pos_up, neg_down[i]) if swaps else (0, 0)
        stay_pos, stay_neg = pos[i] - came_pos, neg[i] - falling
        leaving = pos[i] > 0 and pos_down[i] == pos[i]
        arriving = touching[i] > 0 and pos[i + 1] > 0 and pos_up[i + 1] == pos[i + 1]
        for part in range(2):
            p, q = (stay_pos, stay_neg) if part == 0 else (rising, falling)
            if joined:
                best[0, b] += p
                best[1, b] += q
            else:
                if (i > 0 or part > 0) and (best[0, b] > 0 or best[1, b] > 0):
                    b += 1
                best[0, b], best[1, b] = p, q
            joined = leaving and ((stay_neg == 0) if part == 0 else (neg[i] == 0 and arriving))
        came_pos = rising
        swaps = touching[i] > 0 and next_neg_up > 0 and pos_down[i] > 0
        rising, falling = (next_neg_up, pos_down[i]) if swaps else (0, 0)
        if neg[i] - came_neg > 0 or pos[i] - falling > 0:
            worst[0, w], worst[1, w] = pos[i] - falling, neg[i] - came_neg
            w += 1
        if falling > 0 or rising > 0:
            worst[0, w], worst[1, w] = falling, rising
            w += 1
        came_neg = rising
    if n and (best[0, b] > 0 or best[1, b] > 0):
        b += 1
    return (best[0, :b].copy(), best[1, :b].copy()), (worst[0, :w].copy(), worst[1, :w].copy())

"""Paths through intervals, one after the other."""

import numpy as np

from reliseg.runtime.numba_compile import exact_njit
from reliseg.stats.filled.orders import near_edges
from reliseg.types import Bool, Float64, Int64

Line = Float64[np.ndarray, " b"]
Bins = Int64[np.ndarray, " b"]


@exact_njit
def extreme_movement(low: Line, high: Line, greatest: bool) -> float:
    """Return the least or greatest total movement of a path through intervals, in order: at ends of intervals."""
    places = np.unique(np.concatenate((low, high)))
    n = len(places)
    worst = -np.inf if greatest else np.inf
    total, moved = np.full(n, worst), np.empty(n)
    for i in range(n):
        if low[0] <= places[i] <= high[0]:
            total[i] = 0.0
    for k in range(1, len(low)):
        for i in range(n):
            best = worst
            if low[k] <= places[i] <= high[k]:
                for j in range(n):
                    way = total[j] + abs(places[i] - places[j])
                    if (way > best) if greatest else (way < best):
                        best = way
            moved[i] = best
        total[:] = moved
    best = total[0]
    for i in range(n):
        if (total[i] > best) if greatest else (total[i] < best):
            best = total[i]
    return best


@exact_njit
def exchanges(places: Bins, wrong: Bins, right: Bins, edges: Line) -> tuple[Line, Bool[np.ndarray, " b"]]:
    """Return what pixels on the wrong side of the edge before each bin may change there, and whether all may be tied.

    Bins come the most confident first, and `edges` are those between each and the one before it. A wrong pixel changes
    the sum of confidence - correctness there by its confidence, a right one by one minus it.
    """
    n = len(places)
    blur, tied = np.zeros(n), np.zeros(n, np.bool_)
    (wrong_up, wrong_down), (right_up, right_down) = near_edges(places, wrong), near_edges(places, right)
    for i in range(n):
        if i > 0 and places[i] == places[i - 1] + 1:  # some pixels of both bins lie near the edge: neither is empty
            wrongs, rights = wrong_down[i - 1] + wrong_up[i], right_down[i - 1] + right_up[i]
            blur[i] = wrongs * edges[i] + rights * (1 - edges[i])
        stay = wrong[i] + right[i] - wrong_up[i] - right_up[i]
        if i > 0:
            stay += wrong[i - 1] + right[i - 1] - wrong_down[i - 1] - right_down[i - 1]
        tied[i] = stay == 0 and blur[i] > 0
    return blur, tied

"""Paths through intervals, one after the other."""

import numpy as np

from reliseg.runtime.numba_compile import exact_njit
from reliseg.types import Float64

Line = Float64[np.ndarray, " b"]


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

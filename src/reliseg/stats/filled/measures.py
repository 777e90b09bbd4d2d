"""Measures of one order of bins, in passes over them: `stats.ranking` defines them, with the same bits.

Areas under curves read harmonic sums H(end) - H(start) = log1p(..) + .. over segments of bins. `segments` lists those
that an order needs, NumPy takes the logarithms, and `areas` reads them again in the same order.
"""

import numpy as np
from jaxtyping import Float64, Int64

from reliseg.runtime.numba_compile import exact_njit, inline_exact_njit
from reliseg.stats.filled.sums import pairwise_sum

Bins = Int64[np.ndarray, " b"]
Line = Float64[np.ndarray, " k"]
NEAR = 1e3
"""Up to here harmonic sums are read from digammas."""
_NEAR_SEGMENTS = 2 * 1001
"""So many begin up to there at most: two in each bin, and every bin has a pixel."""
TIED, BEST, WORST = 0, 1, 2
"""Orders, as `Ranked` has them: every bin is one tie; positives come first in each bin; negatives do."""


@inline_exact_njit
def _put(x: Line, rest: Line, near: Line, k: int, start: float, end: float) -> int:
    """Put what a harmonic sum is made of at place k; return the next place."""
    a, b = start + 0.5, end + 0.5
    x[k] = (end - start) / a
    rest[k] = (1 / (b * b) - 1 / (a * a)) / 24
    if start <= NEAR:
        near[0, k], near[1, k] = start, end
    return k + 1


@exact_njit
def segments(pos: Bins, neg: Bins, order: int, risk: bool) -> tuple[Line, Line, Float64[np.ndarray, "2 k"]]:
    """Return of each segment that the areas of an order read, in their order, what its harmonic sum is made of.

    It is log1p of the first and the second together; or where the third has ends up to `NEAR`, that of these: else
    they are -1. Without `risk` precision alone is read. No bin is empty.
    """
    n = len(pos)
    x, rest = np.empty(2 * n), np.empty(2 * n)
    near = np.full((2, min(2 * n, _NEAR_SEGMENTS)), -1.0)
    k, start = 0, 0.0
    if order != WORST and not risk:
        return x[:0], rest[:0], near[:, :0]
    for i in range(n):
        p, q = np.float64(pos[i]), np.float64(neg[i])
        if order == TIED:
            k = _put(x, rest, near, k, start, start + p + q)
        elif order == BEST:
            if p > 0:
                k = _put(x, rest, near, k, start, start + p)
            if q > 0:
                k = _put(x, rest, near, k, start + p, start + p + q)
        else:
            if p > 0:
                k = _put(x, rest, near, k, start + q, start + q + p)
            if risk and q > 0:
                k = _put(x, rest, near, k, start, start + q)
        start += p + q
    return x[:k], rest[:k], near[:, : min(k, near.shape[1])]


@exact_njit
def areas(pos: Bins, neg: Bins, h: Line, order: int, risk: bool) -> tuple[float, float]:
    """Return average precision, and with `risk` the area under it, else 0; `h` are the harmonic sums of the segments.

    Of ties they are spread evenly; of the other orders they are those of pixels that come one by one.
    """
    n = len(pos)
    precision, area = np.empty(n), np.zeros(n)
    k, tp, fp = 0, 0.0, 0.0
    for i in range(n):
        p, q = np.float64(pos[i]), np.float64(neg[i])
        start = tp + fp
        first = second = 0.0
        if order == TIED:
            precision[i] = p * (tp + p) / (tp + p + fp + q) if p > 0 else 0.0
            if risk:
                rate = q / (p + q)
                area[i] = (p + q) * rate + (fp - start * rate) * h[k]
                k += 1
        elif order == BEST:
            precision[i] = p * (tp + p) / (tp + p + fp) if p > 0 else 0.0
            if risk:
                if p > 0:
                    first = h[k]
                    k += 1
                if q > 0:
                    second = h[k]
                    k += 1
                area[i] = fp * first + (q + (fp - (start + p)) * second)
        else:
            if p > 0:
                second = h[k]
                k += 1
            precision[i] = p - (fp + q) * second
            if risk:
                if q > 0:
                    first = h[k]
                    k += 1
                area[i] = (q + (fp - start) * first) + (fp + q) * second
        tp += p
        fp += q
    return pairwise_sum(precision) / tp, pairwise_sum(area) / (tp + fp) if risk else 0.0


@exact_njit
def pairs(pos: Bins, neg: Bins) -> tuple[float, float]:
    """Return the shares of pairs of a positive and a negative: with the positive in a bin before, and in the same."""
    n = len(pos)
    before, same = np.empty(n), np.empty(n)
    above, others = 0.0, 0.0
    for i in range(n):
        p, q = np.float64(pos[i]), np.float64(neg[i])
        before[i], same[i] = q * above, q * p
        above += p
        others += q
    every = above * others
    return pairwise_sum(before) / every, pairwise_sum(same) / every


@exact_njit
def reach(counted: Bins, others: Bins, wanted: int, both: bool) -> tuple[int, int, int]:
    """Return the first bin up to which there are so many counted pixels, and how many of each there are before it.

    With `both`, the others are counted too.
    """
    a, b = 0, 0
    for i in range(len(counted)):
        here = counted[i] + others[i] if both else counted[i]
        if (a + b if both else a) + here >= wanted:
            return i, a, b
        a += counted[i]
        b += others[i]
    return len(counted) - 1, a - counted[-1], b - others[-1]

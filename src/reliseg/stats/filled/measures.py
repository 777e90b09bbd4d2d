"""Measures of one order of bins, in passes over them: `stats.ranking` defines them, with the same bits.

Areas under curves read harmonic sums H(end) - H(start) = log1p(..) + .. over segments of bins. `segments` lists them,
NumPy takes the logarithms, and `areas` reads them again in the same order.
"""

import numpy as np
from jaxtyping import Float64, Int64

from reliseg.runtime.numba_compile import exact_njit, inline_exact_njit
from reliseg.stats.filled.sums import pairwise_sum

Bins = Int64[np.ndarray, " b"]
Line = Float64[np.ndarray, " k"]
Three = tuple[float, float, float]
NEAR = 1e3
"""Up to here harmonic sums are read from digammas."""


@inline_exact_njit
def _put(starts: Line, ends: Line, k: int, start: float, end: float) -> int:
    """Put a segment at place k; return the next place."""
    starts[k], ends[k] = start, end
    return k + 1


@inline_exact_njit
def _list_segments(pos: Bins, neg: Bins, risk: bool, tied: bool, starts: Line, ends: Line) -> None:
    """List the segments of all bins."""
    k, start = 0, 0.0
    for i in range(len(pos)):
        p, q = np.float64(pos[i]), np.float64(neg[i])
        if p > 0:
            k = _put(starts, ends, k, start + q, start + q + p)
        if risk:
            if p > 0:
                k = _put(starts, ends, k, start, start + p)
            if q > 0:
                k = _put(starts, ends, k, start + p, start + p + q)
                k = _put(starts, ends, k, start, start + q)
            if tied:
                k = _put(starts, ends, k, start, start + p + q)
        start += p + q


@exact_njit
def segments(pos: Bins, neg: Bins, risk: bool, tied: bool) -> tuple[Line, Line, Float64[np.ndarray, "2 k"]]:
    """Return of each segment with pixels, in the order of `areas`, what its harmonic sum is made of.

    It is log1p of the first and the second together; or where the third has ends up to `NEAR`, that of these: else
    they are -1. `risk` adds those that the area under risk reads, `tied` those of whole bins.
    """
    count, far = 0, 0
    total = 0.0
    of_pos, of_neg = (2, 2) if risk else (1, 0)
    for i in range(len(pos)):
        here = (of_pos if pos[i] > 0 else 0) + (of_neg if neg[i] > 0 else 0) + (1 if risk and tied else 0)
        count += here
        far = count if total <= NEAR else far
        total += pos[i] + neg[i]
    starts, ends, near = np.empty(count), np.empty(count), np.full((2, far), -1.0)
    _list_segments(pos, neg, risk, tied, starts, ends)
    for k in range(far):
        if starts[k] <= NEAR:
            near[0, k], near[1, k] = starts[k], ends[k]
    for k in range(count):  # apart from the list: divisions, several at once
        start, end = starts[k], ends[k]
        a, b = start + 0.5, end + 0.5
        starts[k] = (end - start) / a
        ends[k] = (1 / (b * b) - 1 / (a * a)) / 24
    return starts, ends, near


@exact_njit
def areas(pos: Bins, neg: Bins, h: Line, risk: bool, tied: bool) -> tuple[Three, Three]:
    """Return average precision, and with `risk` the area under it: of ties, with positives last, and first.

    Of ties only where `tied` says so. `h` are the harmonic sums of the segments.
    """
    n = len(pos)
    value, worst, best = np.empty(n), np.empty(n), np.empty(n)
    even, right_first, wrong_first = np.empty(n), np.empty(n), np.empty(n)
    k, tp, fp = 0, 0.0, 0.0
    for i in range(n):
        p, q = np.float64(pos[i]), np.float64(neg[i])
        start = tp + fp
        last = 0.0
        value[i] = best[i] = 0.0
        if p > 0:
            last = h[k]
            k += 1
            value[i] = p * (tp + p) / (tp + p + fp + q)
            best[i] = p * (tp + p) / (tp + p + fp)
        worst[i] = p - (fp + q) * last
        if risk:
            first_right = second_right = first_wrong = 0.0
            if p > 0:
                first_right = h[k]
                k += 1
            if q > 0:
                second_right, first_wrong = h[k], h[k + 1]
                k += 2
            right_first[i] = fp * first_right + (q + (fp - (start + p)) * second_right)
            wrong_first[i] = (q + (fp - start) * first_wrong) + (fp + q) * last
            if tied:
                rate = q / (p + q)
                even[i] = (p + q) * rate + (fp - start * rate) * h[k]
                k += 1
        tp += p
        fp += q
    precision = (pairwise_sum(value) / tp if tied else 0.0, pairwise_sum(worst) / tp, pairwise_sum(best) / tp)
    if not risk:
        return precision, (0.0, 0.0, 0.0)
    total = tp + fp
    area = (pairwise_sum(even) / total if tied else 0.0, pairwise_sum(right_first) / total)
    return precision, (area[0], area[1], pairwise_sum(wrong_first) / total)


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

"""Measures of one order of bins, in passes over them: `stats.ranking` defines them, with the same bits.

Areas under curves read harmonic sums H(end) - H(start) over segments of bins. `segments` lists them with the sums of
most, `stats.ranking.harmonic` gives the others, and `areas` reads them again in the same order.
"""

import numpy as np

from reliseg.runtime.arithmetic import choose
from reliseg.runtime.numba_compile import exact_njit, inline_exact_njit
from reliseg.stats.filled.sums import pairwise_sum
from reliseg.stats.ranking import NARROW, NEAR
from reliseg.types import Float64, Int64

Bins = Int64[np.ndarray, " b"]
Line = Float64[np.ndarray, " k"]
Three = tuple[float, float, float]


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
def segments(pos: Bins, neg: Bins, risk: bool, tied: bool) -> tuple[Line, Line, Line]:
    """Return where each segment with pixels starts and ends, in the order of `areas`, and its harmonic sum.

    That is -1 where no series gives it. `risk` adds the segments that the area under risk reads, `tied` whole bins.
    """
    count = 0
    of_pos, of_neg = (2, 2) if risk else (1, 0)
    for i in range(len(pos)):
        count += (of_pos if pos[i] > 0 else 0) + (of_neg if neg[i] > 0 else 0) + (1 if risk and tied else 0)
    starts, ends, sums = np.empty(count), np.empty(count), np.empty(count)
    _list_segments(pos, neg, risk, tied, starts, ends)
    for k in range(count):  # apart from the list: several at once
        a, b = starts[k] + 0.5, ends[k] + 0.5
        half = (b - a) / (a + b)
        z = half * half
        series = 2 * half * (1 + z * (1 / 3 + z * (1 / 5 + z * (1 / 7 + z * (1 / 9 + z * (1 / 11))))))
        known = series + (1 / (b * b) - 1 / (a * a)) / 24
        sums[k] = choose((half <= NARROW) & (starts[k] > NEAR), known, -1.0)
    return starts, ends, sums


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

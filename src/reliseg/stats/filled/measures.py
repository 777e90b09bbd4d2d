"""Measures of one order of bins, in passes over them: `stats.ranking` defines them, with the same bits.

Areas under curves read harmonic sums H(end) - H(start) over segments of bins: of the positives after the negatives, of
the positives before them, of the negatives after the positives, of the negatives before them, of all. A series gives
those of most bins, several at once; `hard_bins` lists the others, whose sums `stats.ranking.harmonic` gives.
"""

import numpy as np

from reliseg.runtime.arithmetic import choose
from reliseg.runtime.numba_compile import exact_njit, inline_exact_njit
from reliseg.stats.filled.sums import pairwise_sum
from reliseg.stats.ranking import NARROW, NEAR
from reliseg.types import Float64, Int64

Bins = Int64[np.ndarray, " b"]
Before = Float64[np.ndarray, "2 k"]
Sums = Float64[np.ndarray, "s k"]
Block = Float64[np.ndarray, "10 k"]
Line = Float64[np.ndarray, " b"]
Three = tuple[float, float, float]
Five = tuple[float, float, float, float, float]

_BLOCK = 512
"""Bins whose numbers are at hand at once."""


@exact_njit
def hard_bins(pos: Bins, neg: Bins) -> tuple[Bins, Before]:
    """Return the bins of which no series gives the sums, and how many of each kind there are before them.

    No part of another bin starts earlier, or is wider, than the series allows.
    """
    found, before = np.empty(len(pos), np.int64), np.empty((2, len(pos)))
    k, tp, fp = 0, np.int64(0), np.int64(0)
    widest = np.int64(1 / NARROW)
    for i in range(len(pos)):
        start, pixels = tp + fp, pos[i] + neg[i]
        if start <= NEAR or widest * pixels > 2 * start + pixels + 1:
            found[k], before[0, k], before[1, k] = i, tp, fp
            k += 1
        tp += pos[i]
        fp += neg[i]
    return found[:k].copy(), before[:, :k].copy()


@inline_exact_njit
def _inverse_square(k: float) -> float:
    return 1 / ((k + 0.5) * (k + 0.5))


@inline_exact_njit
def _series(start: float, end: float, at_start: float, at_end: float) -> float:
    """Return a harmonic sum as `stats.ranking.harmonic`, from the inverse squares of its ends."""
    a, b = start + 0.5, end + 0.5
    half = (b - a) / (a + b)
    z = half * half
    series = 2 * half * (1 + z * (1 / 3 + z * (1 / 5 + z * (1 / 7 + z * (1 / 9 + z * (1 / 11))))))
    return series + (at_end - at_start) / 24


@inline_exact_njit
def _sums(start: float, p: float, q: float) -> Five:
    """Return the harmonic sums of a bin, segment by segment."""
    x, y, end = start + p, start + q, start + p + q
    at_start, at_x, at_y, at_end = _inverse_square(start), _inverse_square(x), _inverse_square(y), _inverse_square(end)
    return (
        _series(y, end, at_y, at_end),
        _series(start, x, at_start, at_x),
        _series(x, end, at_x, at_end),
        _series(start, y, at_start, at_y),
        _series(start, end, at_start, at_end),
    )


@inline_exact_njit
def _worst_precision(fp: float, p: float, q: float, h: float) -> float:
    """Return what a bin adds to average precision with its positives last."""
    return p - (fp + q) * h


@inline_exact_njit
def _risks(tp: float, fp: float, p: float, q: float, h: Five) -> Three:
    """Return what a bin adds to the area under risk: of ties, with its positives first, and last."""
    start, rate = tp + fp, q / (p + q)
    even = (p + q) * rate + (fp - start * rate) * h[4]
    right_first = fp * h[1] + (q + (fp - (start + p)) * h[2])
    return even, right_first, (q + (fp - start) * h[3]) + (fp + q) * h[0]


@inline_exact_njit
def _put_pixels(pos: Bins, neg: Bins, tp: float, fp: float, block: Block) -> tuple[float, float]:
    """Put the pixels of a few bins, and those before each, into the first rows of a block; return those to the end."""
    for i in range(len(pos)):
        p, q = np.float64(pos[i]), np.float64(neg[i])
        block[0, i], block[1, i], block[2, i], block[3, i] = p, q, tp, fp
        tp += p
        fp += q
    return tp, fp


@inline_exact_njit
def _put_terms(count: int, risk: bool, tied: bool, block: Block) -> None:
    """Put what each of a few bins adds to the areas into the next rows of a block.

    First to average precision: of ties, with positives last, and first; then so to the area under risk.
    """
    for i in range(count):  # several at once: one array holds all, so none can overlap another
        p, q, tp, fp = block[0, i], block[1, i], block[2, i], block[3, i]
        sums = _sums(tp + fp, p, q)
        if tied:
            block[4, i] = p * (tp + p) / (tp + p + fp + q)
        block[5, i] = _worst_precision(fp, p, q, sums[0])
        block[6, i] = choose(p > 0, p * (tp + p) / (tp + p + fp), 0.0)
        if risk:
            block[7, i], block[8, i], block[9, i] = _risks(tp, fp, p, q, sums)


@inline_exact_njit
def _copy(terms: Line, into: Line) -> None:
    for i in range(len(into)):  # numba's own copies take three times as long
        into[i] = terms[i]


@inline_exact_njit
def _areas(pos: Bins, neg: Bins, hard: Bins, before: Before, h: Sums, risk: bool, tied: bool) -> tuple[Three, Three]:
    n = len(pos)
    value, worst, best = np.empty(n), np.empty(n), np.empty(n)
    even, right_first, wrong_first = np.empty(n), np.empty(n), np.empty(n)
    block = np.empty((10, _BLOCK))
    tp, fp = 0.0, 0.0
    for first in range(0, n, _BLOCK):
        here = slice(first, min(first + _BLOCK, n))
        tp, fp = _put_pixels(pos[here], neg[here], tp, fp, block)
        _put_terms(len(pos[here]), risk, tied, block)
        _copy(block[5], worst[here])
        _copy(block[6], best[here])
        if tied:
            _copy(block[4], value[here])
        if risk:
            _copy(block[7], even[here])
            _copy(block[8], right_first[here])
            _copy(block[9], wrong_first[here])
    for k in range(len(hard)):
        i = hard[k]
        p, q, t, f = np.float64(pos[i]), np.float64(neg[i]), before[0, k], before[1, k]
        worst[i] = _worst_precision(f, p, q, h[0, k])
        if risk:
            sums = (h[0, k], h[1, k], h[2, k], h[3, k], h[4, k])
            even[i], right_first[i], wrong_first[i] = _risks(t, f, p, q, sums)
    precision = (pairwise_sum(value) / tp if tied else 0.0, pairwise_sum(worst) / tp, pairwise_sum(best) / tp)
    if not risk:
        return precision, (0.0, 0.0, 0.0)
    total = tp + fp
    of_ties = pairwise_sum(even) / total if tied else 0.0
    return precision, (of_ties, pairwise_sum(right_first) / total, pairwise_sum(wrong_first) / total)


@exact_njit
def areas(pos: Bins, neg: Bins, hard: Bins, before: Before, h: Sums, risk: bool, tied: bool) -> tuple[Three, Three]:
    """Return average precision, and with `risk` the area under it: of ties, with positives last, and first.

    Of ties only where `tied` says so. `h` are the harmonic sums of the hard bins, a row for each segment; without
    `risk` the first one is read.
    """
    if risk:  # the compiler makes straight code of constant truths
        return _areas(pos, neg, hard, before, h, True, tied)
    if tied:
        return _areas(pos, neg, hard, before, h, False, True)
    return _areas(pos, neg, hard, before, h, False, False)


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

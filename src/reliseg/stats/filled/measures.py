"""Measures of one order of bins, in passes over them: `stats.ranking` defines them, with the same bits.

Areas under curves are of one way in which every bin is arranged: as one tie (`EVEN`), with its positives before its
negatives (`FIRST`), or after them (`LAST`). They read harmonic sums H(end) - H(start). A series gives those of most
bins, several at once; those of the others, the hard ones, are put in their place afterwards.
"""

import math
from collections.abc import Callable

import numpy as np

from reliseg.runtime.arithmetic import choose
from reliseg.runtime.numba_compile import exact_njit, inline_exact_njit
from reliseg.stats.filled.sums import pairwise_sum
from reliseg.stats.ranking import FIRST_NUMBERS, NARROW, NEAR
from reliseg.types import Float64, Int64

Bins = Int64[np.ndarray, " b"]
Block = Float64[np.ndarray, "6 k"]
Line = Float64[np.ndarray, " b"]
Two = tuple[float, float]

EVEN, FIRST, LAST = 0, 1, 2
"""Ways to arrange a bin."""

_BLOCK = 512
"""Bins whose numbers are at hand at once."""


@inline_exact_njit
def _series(start: float, end: float) -> float:
    """Return a harmonic sum as `stats.ranking.harmonic`, from `NEAR` on and where the ratio is narrow."""
    inverse = 1 / ((start + 0.5) + (end + 0.5))
    half = (end - start) * inverse
    z = half * half
    log = 2 * half * (1 + z * (1 / 3 + z * (1 / 5 + z * (1 / 7 + z * (1 / 9 + z * (1 / 11))))))
    squares = 1 + z * (2 + z * (3 + z * 4))
    return log - 2 / 3 * half * inverse * inverse * squares


@inline_exact_njit
def _wide(start: float, end: float) -> float:
    """Return a harmonic sum as `stats.ranking.harmonic`, from `NEAR` on and where the ratio is not narrow."""
    inverse = 1 / ((start + 0.5) + (end + 0.5))
    half = (end - start) * inverse
    z = half * half
    return math.log1p((end - start) / (start + 0.5)) - 2 / 3 * half * inverse * inverse * (1 / ((1 - z) * (1 - z)))


@inline_exact_njit
def _harmonic(start: float, end: float) -> float:
    """Return a harmonic sum as `stats.ranking.harmonic`."""
    near = FIRST_NUMBERS[np.int64(min(end, NEAR))] - FIRST_NUMBERS[np.int64(min(start, NEAR))]
    start, end = max(start, NEAR), max(end, NEAR)
    is_wide = (end - start) * (1 / ((start + 0.5) + (end + 0.5))) > NARROW
    return near + (_wide(start, end) if is_wide else _series(start, end))


@inline_exact_njit
def _sums(start: float, p: float, q: float, way: int, of: Callable[[float, float], float]) -> Two:
    """Return the harmonic sums of a bin over two segments.

    Of a tie these are the whole bin, and nothing; with `FIRST` the positives, then the negatives; with `LAST` the
    positives, which come after the negatives, then these.
    """
    end = start + p + q
    if way == EVEN:
        return of(start, end), 0.0
    if way == FIRST:
        return of(start, start + p), of(start + p, end)
    return of(start + q, end), of(start, start + q)


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
def _precision(p: float, q: float, tp: float, fp: float, way: int, h: Two) -> float:
    """Return what a bin adds to average precision; with `FIRST` the precision of its positives."""
    if way == LAST:
        return p - (fp + q) * h[0]
    if way == FIRST:
        return choose(p > 0, (tp + p) / (tp + p + fp), 0.0)
    return p * (tp + p) / (tp + p + fp + q)


@inline_exact_njit
def _risk(p: float, q: float, tp: float, fp: float, way: int, h: Two) -> float:
    """Return what a bin adds to the area under risk."""
    start = tp + fp
    if way == LAST:
        return (q + (fp - start) * h[1]) + (fp + q) * h[0]
    if way == FIRST:
        return fp * h[0] + (q + (fp - (start + p)) * h[1])
    rate = q / (p + q)
    return (p + q) * rate + (fp - start * rate) * h[0]


@inline_exact_njit
def _put_of(count: int, way: int, risk: bool, block: Block) -> None:
    for i in range(count):  # several at once: one array holds all, so none can overlap another
        p, q, tp, fp = block[0, i], block[1, i], block[2, i], block[3, i]
        h = _sums(tp + fp, p, q, way, _series)
        block[4, i] = _precision(p, q, tp, fp, way, h)
        if risk:
            block[5, i] = _risk(p, q, tp, fp, way, h)


@inline_exact_njit
def _put_terms(count: int, way: int, risk: bool, block: Block) -> None:
    """Put what each of a few bins adds to the areas into the last rows of a block."""
    if risk:  # the compiler makes straight code of constants
        if way == EVEN:
            _put_of(count, EVEN, True, block)
        elif way == FIRST:
            _put_of(count, FIRST, True, block)
        else:
            _put_of(count, LAST, True, block)
    elif way == EVEN:
        _put_of(count, EVEN, False, block)
    elif way == FIRST:
        _put_of(count, FIRST, False, block)
    else:
        _put_of(count, LAST, False, block)


@inline_exact_njit
def _copy(terms: Line, into: Line) -> None:
    for i in range(len(into)):  # numba's own copies take three times as long
        into[i] = terms[i]


@inline_exact_njit
def _bin_of(place: int) -> np.uint64:
    """Return the fine bin of the positives at a place: unsigned, as processors shift several of these at once."""
    return (np.uint64(place) + np.uint64(1)) >> np.uint64(1)


@inline_exact_njit
def _put_best(pos: Bins, places: Bins, precisions: Line) -> None:
    """Replace the precision of bins by what they add if ties are with others: see `stats.ranking.most_precision`."""
    n = len(pos)
    for i in range(n - 2):
        here, then, after = _bin_of(places[i]), _bin_of(places[i + 1]), _bin_of(places[i + 2])
        follows = then - here <= np.uint64(1)
        best = max(precisions[i], choose(follows, precisions[i + 1], 0.0))
        best = max(best, choose(follows & (after - then <= np.uint64(1)), precisions[i + 2], 0.0))
        precisions[i] = np.float64(pos[i]) * best
    if n > 1:
        follows = _bin_of(places[n - 1]) - _bin_of(places[n - 2]) <= np.uint64(1)
        best = max(precisions[n - 2], choose(follows, precisions[n - 1], 0.0))
        precisions[n - 2] = np.float64(pos[n - 2]) * best
    precisions[n - 1] *= np.float64(pos[n - 1])


@inline_exact_njit
def _put_hard(pos: Bins, neg: Bins, way: int, precisions: Line, risks: Line) -> None:
    """Put what hard bins add to the areas in its place: a part of these starts early, or is wide."""
    tp, fp = np.int64(0), np.int64(0)
    widest = np.int64(1 / NARROW)
    for i in range(len(pos)):
        start, pixels = tp + fp, pos[i] + neg[i]
        if start < NEAR or widest * pixels > 2 * start + pixels + 1:
            p, q, t, f = np.float64(pos[i]), np.float64(neg[i]), np.float64(tp), np.float64(fp)
            h = _sums(t + f, p, q, way, _harmonic)
            precisions[i] = _precision(p, q, t, f, way, h)
            if len(risks):
                risks[i] = _risk(p, q, t, f, way, h)
        tp += pos[i]
        fp += neg[i]


@exact_njit
def areas(pos: Bins, neg: Bins, places: Bins, way: int, risk: bool) -> Two:
    """Return average precision and the area under risk (0 without `risk`), where all bins are arranged in one way.

    `places` are read with `FIRST` alone: average precision is the highest then that ties can give, see
    `stats.ranking.most_precision`.
    """
    n = len(pos)
    precisions, risks, block = np.empty(n), np.empty(n if risk else 0), np.empty((6, _BLOCK))
    tp, fp = 0.0, 0.0
    for first in range(0, n, _BLOCK):
        here = slice(first, min(first + _BLOCK, n))
        tp, fp = _put_pixels(pos[here], neg[here], tp, fp, block)
        _put_terms(len(pos[here]), way, risk, block)
        _copy(block[4], precisions[here])
        _copy(block[5], risks[here])
    if risk or way == LAST:  # no other reads harmonic sums
        _put_hard(pos, neg, way, precisions, risks)
    if way == FIRST:
        _put_best(pos, places, precisions)
    return pairwise_sum(precisions) / tp, pairwise_sum(risks) / (tp + fp)


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
def reach(counted: Bins, others: Bins, wanted: Bins, both: bool) -> Int64[np.ndarray, "w 4"]:
    """Return where so many counted pixels (rising) are reached: those of each kind before the bin, and those in it.

    With `both`, the others are counted too.
    """
    found = np.empty((len(wanted), 4), np.int64)
    i, a, b = 0, np.int64(0), np.int64(0)
    for k in range(len(wanted)):
        for size in (_BLOCK, 1):  # several bins at once, while that is not too far
            while i + size < len(counted):
                of_counted, of_others = _sum(counted[i : i + size]), _sum(others[i : i + size])
                if a + of_counted + (b + of_others if both else 0) >= wanted[k]:
                    break
                i, a, b = i + size, a + of_counted, b + of_others
        found[k, 0], found[k, 1], found[k, 2], found[k, 3] = a, b, counted[i], others[i]
    return found


@inline_exact_njit
def _sum(counts: Bins) -> np.int64:
    total = np.int64(0)
    for i in range(len(counts)):
        total += counts[i]
    return total

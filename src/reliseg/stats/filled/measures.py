"""Measures of one order of bins, in passes over them: `stats.ranking` defines them, with the same bits.

Areas under curves are of one way in which every bin is arranged: as one tie (`EVEN`), with its positives before its
negatives (`FIRST`), or after them (`LAST`). They read harmonic sums H(end) - H(start). A series gives those of most
bins, several at once; those of the others, the hard ones, are put in their place afterwards.

What bins add is summed part by part, in the order of `numpy.sum`: no more than a part's is ever in memory. Passes that
are `turned` begin at the last bin, with the negatives as positives: an order is read from both ends.
"""

import math
from collections.abc import Callable

import numpy as np

from reliseg.runtime.arithmetic import choose
from reliseg.runtime.numba_compile import exact_njit, inline_exact_njit
from reliseg.stats.filled.sums import sum_of_part, sum_of_parts, tree
from reliseg.stats.ranking import FIRST_NUMBERS, NARROW, NEAR
from reliseg.types import Float64, Int64

Bins = Int64[np.ndarray, " b"]
Block = Float64[np.ndarray, "9 130"]
"""A part of the bins, and the two after it: for each the positives, negatives, and those of each kind before it; what
it adds to average precision, to the area under risk, and to the pairs with the positive before and in the same bin;
and its fine bin, of the positives.
"""
Two = tuple[float, float]
Four = tuple[float, float, float, float]

EVEN, FIRST, LAST = 0, 1, 2
"""Ways to arrange a bin."""

_BLOCK = 512
"""Bins that are passed at once where nothing is to be found in them."""
_FAR = 1 << 40
"""An even place beyond that of any bin."""


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
def _put_pixels(pos: Bins, neg: Bins, first: int, count: int, turned: bool, before: Two, block: Block) -> None:
    """Put the pixels of so many bins into a block, and those before each of them; no pixels beyond the last bin."""
    n = len(pos)
    tp, fp = before
    for i in range(count):
        p, q = 0.0, 0.0
        if first + i < n:
            at = n - 1 - first - i if turned else first + i
            p, q = np.float64(pos[at]), np.float64(neg[at])
        if turned:
            p, q = q, p
        block[0, i], block[1, i], block[2, i], block[3, i] = p, q, tp, fp
        tp += p
        fp += q


@inline_exact_njit
def _put_bins(places: Bins, first: int, count: int, turned: bool, block: Block) -> None:
    """Put the fine bins of the positives into a block; what stands there for bins beyond the last one means nothing."""
    n = len(places)
    for i in range(min(count, n - first)):
        at = _FAR - places[n - 1 - first - i] if turned else places[first + i]
        block[8, i] = np.float64((at + 1) >> 1)


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
    """Put what each of a few bins adds to the areas into a block."""
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
def _put_pairs(count: int, block: Block) -> None:
    """Put the pairs of a positive and a negative that each of a few bins adds into a block."""
    for i in range(count):
        p, q, tp = block[0, i], block[1, i], block[2, i]
        block[6, i], block[7, i] = q * tp, q * p


@inline_exact_njit
def _is_hard(i: int, block: Block) -> bool:
    """Tell if a part of a bin starts early, or is wide."""
    start, pixels = block[2, i] + block[3, i], block[0, i] + block[1, i]
    return bool((start < NEAR) | (pixels / NARROW > 2 * start + pixels + 1))


@inline_exact_njit
def _put_hard(count: int, way: int, risk: bool, block: Block) -> None:
    """Put what hard bins add to the areas in its place."""
    is_any = False
    for i in range(count):
        is_any |= _is_hard(i, block)
    if is_any:
        for i in range(count):
            if _is_hard(i, block):
                p, q, tp, fp = block[0, i], block[1, i], block[2, i], block[3, i]
                h = _sums(tp + fp, p, q, way, _harmonic)
                block[4, i] = _precision(p, q, tp, fp, way, h)
                if risk:
                    block[5, i] = _risk(p, q, tp, fp, way, h)


@inline_exact_njit
def _put_best(count: int, block: Block) -> None:
    """Replace the precision of bins by what they add if ties are with others: see `stats.ranking.most_precision`."""
    for i in range(count):
        here, then, after = block[8, i], block[8, i + 1], block[8, i + 2]
        follows = then - here <= 1
        best = max(block[4, i], choose(follows, block[4, i + 1], 0.0))
        best = max(best, choose(follows & (after - then <= 1), block[4, i + 2], 0.0))
        block[4, i] = block[0, i] * best


@exact_njit
def areas(pos: Bins, neg: Bins, places: Bins, way: int, risk: bool, turned: bool) -> Four:
    """Return average precision and the area under risk (0 without `risk`), where all bins are arranged in one way; and
    the shares of pairs of a positive and a negative, with the positive in a bin before, and in the same (0 if `turned`,
    as the order from its other end has the same pairs).

    `places` are read with `FIRST` alone: average precision is the highest then that ties can give, see
    `stats.ranking.most_precision`.
    """
    order = tree(len(pos))
    ends = order[0]
    block, of_parts = np.zeros((9, 130)), np.zeros((4, len(ends)))
    first, tp, fp = 0, 0.0, 0.0
    for part in range(len(ends)):
        count = ends[part] - first
        _put_pixels(pos, neg, first, count + 2, turned, (tp, fp), block)
        _put_terms(count + 2, way, risk, block)
        if risk or way == LAST:  # no other reads harmonic sums
            _put_hard(count, way, risk, block)
        if way == FIRST:
            _put_bins(places, first, count + 2, turned, block)
            _put_best(count, block)
        of_parts[0, part] = sum_of_part(block[4], 0, count)
        if risk:
            of_parts[1, part] = sum_of_part(block[5], 0, count)
        if not turned:
            _put_pairs(count, block)
            of_parts[2, part] = sum_of_part(block[6], 0, count)
            of_parts[3, part] = sum_of_part(block[7], 0, count)
        first, tp, fp = ends[part], block[2, count], block[3, count]
    every = tp * fp
    return (
        sum_of_parts(order, of_parts[0]) / tp,
        sum_of_parts(order, of_parts[1]) / (tp + fp),
        sum_of_parts(order, of_parts[2]) / every,
        sum_of_parts(order, of_parts[3]) / every,
    )


@exact_njit
def reach(pos: Bins, neg: Bins, wanted: Bins, both: bool, turned: bool) -> Int64[np.ndarray, "w 4"]:
    """Return where so many positives (rising) are reached: the pixels of each kind before the bin, and those in it.

    With `both`, negatives are counted too.
    """
    n, found = len(pos), np.empty((len(wanted), 4), np.int64)
    counted, others = (neg, pos) if turned else (pos, neg)
    i, a, b = 0, np.int64(0), np.int64(0)
    for k in range(len(wanted)):
        for size in (_BLOCK, 1):  # several bins at once, while that is not too far
            while i + size < n:
                here = slice(n - i - size, n - i) if turned else slice(i, i + size)
                of_counted, of_others = _sum(counted[here]), _sum(others[here])
                if a + of_counted + (b + of_others if both else 0) >= wanted[k]:
                    break
                i, a, b = i + size, a + of_counted, b + of_others
        at = n - 1 - i if turned else i
        found[k, 0], found[k, 1], found[k, 2], found[k, 3] = a, b, counted[at], others[at]
    return found


@inline_exact_njit
def _sum(counts: Bins) -> np.int64:
    total = np.int64(0)
    for i in range(len(counts)):
        total += counts[i]
    return total

"""Last stages of the fused kernel: adding a block to the tables."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32, Int64, UInt32

from reliseg.stats._numeric import F32, I32, I64, U64, compiled, lowest_bit, reliability, unit
from reliseg.stats._plan import CELLS, PIXELS
from reliseg.stats._slots import (
    CELL,
    CONFIDENT,
    HITS,
    KNOWN_SURE,
    LABEL,
    LISTED,
    ODDS_BIN,
    OWN_ROW,
    PLACE,
    ROW,
    UNITS,
)
from reliseg.stats.bins import RELIABILITY_BINS

BITS = 32
"""Classes whose bits fit a word."""
_FIRST_EDGE = F32(1 / RELIABILITY_BINS)


class ImageTables(NamedTuple):
    """What is counted of one image. Rows are the columns that have members."""

    cells: Int64[np.ndarray, "n 2"]
    """Pixels and confidence by label, row and reliability bin; at the end one entry for other pixels."""
    confident: Int64[np.ndarray, "t 2"]
    above: Int64[np.ndarray, "n 3"]
    """Pixels, hits and probability by row and bin, for what `below` and the argmax leave."""
    below: Int64[np.ndarray, " r"]
    """Sums of probability in the first bin, without the argmax."""
    sums: Int64[np.ndarray, "n 2"]
    """Limbs: NLL, Brier, then each score by role."""


class FineTables(NamedTuple):
    """What is counted by fine bin, over images."""

    counts: UInt32[np.ndarray, " n"]
    """Of each score (wrong, right) pairs by bin, then (unknown, void) pairs; at the end one for no pixel."""
    confidence: Int64[np.ndarray, " b"]
    """Confidence of the known pixels by bin of msp."""


@compiled
def add_cells(k: Int32[np.ndarray, " k"], cells: Int64[np.ndarray, "n 2"]) -> None:
    """Counts and confidence.

    x and the places 64, 128, 192 further are neighbours in the image and mostly belong to one entry: then
    one update, instead of four that wait for each other.
    """
    for x in range(U64(CELLS)):
        i = x + CELL
        a, b, c, d = k[i], k[i + U64(CELLS)], k[i + U64(2 * CELLS)], k[i + U64(3 * CELLS)]
        i = x + UNITS
        p, q, r, s = I64(k[i]), I64(k[i + U64(CELLS)]), I64(k[i + U64(2 * CELLS)]), I64(k[i + U64(3 * CELLS)])
        if (I32(a ^ b) | I32(c ^ d) | I32(a ^ c)) == I32(0):
            cells[U64(a), U64(0)] += 4
            cells[U64(a), U64(1)] += p + q + r + s
        else:
            cells[U64(a), U64(0)] += 1
            cells[U64(a), U64(1)] += p
            cells[U64(b), U64(0)] += 1
            cells[U64(b), U64(1)] += q
            cells[U64(c), U64(0)] += 1
            cells[U64(c), U64(1)] += r
            cells[U64(d), U64(0)] += 1
            cells[U64(d), U64(1)] += s


@compiled
def add_confident(k: Int32[np.ndarray, " k"], confident: Int64[np.ndarray, "t 2"]) -> None:
    """Confidently wrong pixels: few."""
    for x in range(U64(PIXELS)):
        level = k[CONFIDENT + x]
        if level > I32(0):
            label = U64(k[LABEL + x])
            confident[label, U64(0)] += 1
            confident[label, U64(1)] += I64(level - I32(1))


@compiled
def add_confidence(k: Int32[np.ndarray, " k"], confidence: Int64[np.ndarray, " b"]) -> None:
    """Confidence by fine bin of msp."""
    for x in range(U64(PIXELS)):
        confidence[U64(k[ODDS_BIN + x])] += I64(k[UNITS + x])


@compiled
def add_counts(k: Int32[np.ndarray, " k"], counts: UInt32[np.ndarray, " n"]) -> None:
    """One score's pixels by fine bin and role."""
    for x in range(U64(PIXELS)):
        counts[U64(k[PLACE + x])] += np.uint32(1)


@compiled
def add_below(
    start: U64,
    stop: U64,
    z: Float32[np.ndarray, " z"],
    t: Float32[np.ndarray, " t"],
    k: Int32[np.ndarray, " k"],
    below: Int64[np.ndarray, " r"],
) -> None:
    """Probabilities in the first bin, where nearly all are; the others leave a bit in HITS.

    256 values of at most 1/15 fit 32 bits. A pixel that is not known has KNOWN_SURE 0, the argmax has 0 in
    the buffer: it is in `cells`.
    """
    for x in range(U64(PIXELS)):
        k[HITS + x] = I32(0)
    for c in range(start, stop):
        o = c * U64(ROW)
        bit = I32(I32(1) << I32(c - start))
        total = I32(0)
        for x in range(U64(PIXELS)):
            p = z[o + x] * t[KNOWN_SURE + x]
            hit = p > _FIRST_EDGE
            total = I32(total + (I32(0) if hit else unit(p)))
            k[HITS + x] = I32(k[HITS + x] | (bit if hit else I32(0)))
        below[c] += I64(total)


@compiled
def add_above(
    start: U64,
    z: Float32[np.ndarray, " z"],
    t: Float32[np.ndarray, " t"],
    k: Int32[np.ndarray, " k"],
    above: Int64[np.ndarray, "n 3"],
) -> None:
    """The others, one by one: of each pixel that has any the first, then the second where there is one, ...

    Pixels are listed without a branch that the processor could guess wrong.
    """
    n = U64(0)
    for x in range(U64(PIXELS)):
        k[LISTED + n] = I32(x)
        n += U64(k[HITS + x] != I32(0))
    while n > U64(0):
        left = U64(0)
        for i in range(n):
            x = U64(k[LISTED + i])  # type: ignore[assignment]
            hits = k[HITS + x]
            rest = I32(hits & I32(hits - I32(1)))
            k[HITS + x] = rest
            k[LISTED + left] = I32(x)
            left += U64(rest != I32(0))
            c = start + U64(lowest_bit(hits))
            p = z[c * U64(ROW) + x] * t[KNOWN_SURE + x]
            cell = c * U64(RELIABILITY_BINS) + U64(reliability(p))
            above[cell, U64(0)] += 1
            above[cell, U64(1)] += I64(k[OWN_ROW + x] == I32(c))
            above[cell, U64(2)] += I64(unit(p))
        n = left


@compiled
def carry(sums: Int64[np.ndarray, "n 2"]) -> None:
    """The canonical form of limbs: after each row, before 64 bits overflow."""
    for i in range(len(sums)):
        sums[i, 0] += sums[i, 1] >> 32
        sums[i, 1] &= 0xFFFFFFFF

"""Last stages of the fused kernel: adding a block to the tables."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32, Int64, UInt32

from reliseg.stats._numeric import F, I, L, U, compiled, lowest_bit, reliability, unit
from reliseg.stats._plan import CELLS, PIXELS
from reliseg.stats._slots import (
    CELL,
    CONFIDENT,
    HITS,
    KNOWN_SURE,
    LABEL,
    ODDS_BIN,
    OWN_ROW,
    PLACE,
    ROW,
    UNITS,
)
from reliseg.stats.bins import RELIABILITY_BINS

BITS = 32
"""Classes whose bits fit a word."""
_FIRST_EDGE = F(1 / RELIABILITY_BINS)


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
    for x in range(U(CELLS)):
        i = x + CELL
        a, b, c, d = k[i], k[i + U(CELLS)], k[i + U(2 * CELLS)], k[i + U(3 * CELLS)]
        i = x + UNITS
        p, q, r, s = L(k[i]), L(k[i + U(CELLS)]), L(k[i + U(2 * CELLS)]), L(k[i + U(3 * CELLS)])
        if (I(a ^ b) | I(c ^ d) | I(a ^ c)) == I(0):
            cells[U(a), U(0)] += 4
            cells[U(a), U(1)] += p + q + r + s
        else:
            cells[U(a), U(0)] += 1
            cells[U(a), U(1)] += p
            cells[U(b), U(0)] += 1
            cells[U(b), U(1)] += q
            cells[U(c), U(0)] += 1
            cells[U(c), U(1)] += r
            cells[U(d), U(0)] += 1
            cells[U(d), U(1)] += s


@compiled
def add_confident(k: Int32[np.ndarray, " k"], confident: Int64[np.ndarray, "t 2"]) -> None:
    """Confidently wrong pixels: few."""
    for x in range(U(PIXELS)):
        level = k[CONFIDENT + x]
        if level > I(0):
            label = U(k[LABEL + x])
            confident[label, U(0)] += 1
            confident[label, U(1)] += L(level - I(1))


@compiled
def add_confidence(k: Int32[np.ndarray, " k"], confidence: Int64[np.ndarray, " b"]) -> None:
    """Confidence by fine bin of msp."""
    for x in range(U(PIXELS)):
        confidence[U(k[ODDS_BIN + x])] += L(k[UNITS + x])


@compiled
def add_counts(k: Int32[np.ndarray, " k"], counts: UInt32[np.ndarray, " n"]) -> None:
    """One score's pixels by fine bin and role."""
    for x in range(U(PIXELS)):
        counts[U(k[PLACE + x])] += np.uint32(1)


@compiled
def add_below(
    start: U,
    stop: U,
    z: Float32[np.ndarray, " z"],
    t: Float32[np.ndarray, " t"],
    k: Int32[np.ndarray, " k"],
    below: Int64[np.ndarray, " r"],
) -> None:
    """Probabilities in the first bin, where nearly all are; the others leave a bit in HITS.

    256 values of at most 1/15 fit 32 bits. A pixel that is not known has KNOWN_SURE 0, the argmax has 0 in
    the buffer: it is in `cells`.
    """
    for x in range(U(PIXELS)):
        k[HITS + x] = I(0)
    for c in range(start, stop):
        o = c * U(ROW)
        bit = I(I(1) << I(c - start))
        total = I(0)
        for x in range(U(PIXELS)):
            p = z[o + x] * t[KNOWN_SURE + x]
            hit = p > _FIRST_EDGE
            total = I(total + (I(0) if hit else unit(p)))
            k[HITS + x] = I(k[HITS + x] | (bit if hit else I(0)))
        below[c] += L(total)


@compiled
def add_above(
    start: U,
    z: Float32[np.ndarray, " z"],
    t: Float32[np.ndarray, " t"],
    k: Int32[np.ndarray, " k"],
    above: Int64[np.ndarray, "n 3"],
) -> None:
    """The others, one by one."""
    for x in range(U(PIXELS)):
        hits = k[HITS + x]
        while hits != I(0):
            c = start + U(lowest_bit(hits))
            hits = I(hits & I(hits - I(1)))
            p = z[c * U(ROW) + x] * t[KNOWN_SURE + x]
            i = c * U(RELIABILITY_BINS) + U(reliability(p))
            above[i, U(0)] += 1
            above[i, U(1)] += L(k[OWN_ROW + x] == I(c))
            above[i, U(2)] += L(unit(p))


@compiled
def carry(sums: Int64[np.ndarray, "n 2"]) -> None:
    """The canonical form of limbs: after each row, before 64 bits overflow."""
    for i in range(len(sums)):
        sums[i, 0] += sums[i, 1] >> 32
        sums[i, 1] &= 0xFFFFFFFF

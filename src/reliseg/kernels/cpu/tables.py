"""Last stages of the fused kernel: adding a block to the tables."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32, Int64, UInt32

from reliseg.kernels.cpu.binning import EDGES, unit
from reliseg.kernels.cpu.row_blocks import CELLS, PIXELS
from reliseg.kernels.cpu.scratch_layout import (
    AMOUNT,
    CELL,
    CONFIDENT,
    KNOWN_SURE,
    LABEL,
    ODDS_BIN,
    OWN_ROW,
    ROW,
    UNITS,
)
from reliseg.runtime.arithmetic import F32, I32, I64, U64, bits, from_bits
from reliseg.runtime.numba_compile import inline_njit
from reliseg.stats.bins import RELIABILITY_BINS

_HIT_SHIFT = I32(16)
_HIT = I32(1 << 16)
"""What a pixel whose label is the class counts beside itself: pixels and hits of a block are one sum."""


class ImageTables(NamedTuple):
    """What is counted of one image. Rows are the columns that have members."""

    cells: Int64[np.ndarray, "n 2"]
    """Pixels and confidence by label, row and reliability bin; at the end one entry for other pixels."""
    confident: Int64[np.ndarray, "t 2"]
    others: Int64[np.ndarray, "n 3"]
    """Pixels, hits and probability by row and bin, without the argmax; of the first bin only the probability counts.

    No rows where class-wise statistics are not asked for.
    """
    sums: Int64[np.ndarray, "n 2"]
    """Limbs: NLL, Brier, then each score by role."""


class FineTables(NamedTuple):
    """What is counted by fine bin, over images."""

    counts: UInt32[np.ndarray, " n"]
    """Of each score (wrong, right) pairs by bin, then (unknown, void) pairs; at the end one for no pixel."""
    confidence: Int64[np.ndarray, " b"]
    """Confidence of the known pixels by bin of msp."""


@inline_njit
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


@inline_njit
def add_confident(k: Int32[np.ndarray, " k"], confident: Int64[np.ndarray, "t 2"]) -> None:
    """Confidently wrong pixels: few."""
    for x in range(U64(PIXELS)):
        level = k[CONFIDENT + x]
        if level > I32(0):
            label = U64(k[LABEL + x])
            confident[label, U64(0)] += 1
            confident[label, U64(1)] += I64(level - I32(1))


@inline_njit
def add_confidence(k: Int32[np.ndarray, " k"], confidence: Int64[np.ndarray, " b"]) -> None:
    """Confidence by fine bin of msp."""
    for x in range(U64(PIXELS)):
        confidence[U64(k[ODDS_BIN + x])] += I64(k[UNITS + x])


@inline_njit
def add_others(
    z: Float32[np.ndarray, " z"],
    t: Float32[np.ndarray, " t"],
    k: Int32[np.ndarray, " k"],
    others: Int64[np.ndarray, "n 3"],
) -> None:
    """Probabilities of all classes but the argmax: all into the first bin, where nearly all belong.

    The argmax has 0 in the buffer: it is in `cells`. A pixel that is not known has KNOWN_SURE 0.
    """
    for row in range(U64(len(others)) // U64(RELIABILITY_BINS)):
        c = U64(row)
        o = c * U64(ROW)
        total = I32(0)
        largest = I32(0)
        for x in range(U64(PIXELS)):
            p = z[o + x] * t[KNOWN_SURE + x]
            z[o + x] = p
            total = I32(total + unit(p))
            largest = max(largest, bits(p))  # the bits of floats >= 0 are in the order of the floats
        others[c * U64(RELIABILITY_BINS), U64(2)] += _as_unsigned(total)
        if from_bits(largest) > EDGES[1]:
            _move_up(c, from_bits(largest), z, k, others)


@inline_njit
def _move_up(
    c: U64, largest: F32, z: Float32[np.ndarray, " z"], k: Int32[np.ndarray, " k"], others: Int64[np.ndarray, "n 3"]
) -> None:
    """What lies above an edge goes to the next bin, one edge of a class after the other while anything is left.

    None but the argmax is above 1/2: these are so few edges that sweeps over all pixels beat a write for each of them.
    """
    for x in range(U64(PIXELS)):
        k[AMOUNT + x] = I32(_HIT + I32(1)) if k[OWN_ROW + x] == I32(c) else I32(1)
    o = c * U64(ROW)
    for edge in range(U64(1), U64(RELIABILITY_BINS // 2 + 1)):
        if largest <= EDGES[edge]:
            break
        amount = I32(0)
        total = I32(0)
        for x in range(U64(PIXELS)):
            p = z[o + x]
            above = p > EDGES[edge]
            amount = I32(amount + (k[AMOUNT + x] if above else I32(0)))
            total = I32(total + (unit(p) if above else I32(0)))
        here = c * U64(RELIABILITY_BINS) + edge
        pixels = I64(amount & I32(_HIT - I32(1)))
        hits = I64(amount >> _HIT_SHIFT)
        probability = _as_unsigned(total)
        others[here, U64(0)] += pixels
        others[here, U64(1)] += hits
        others[here, U64(2)] += probability
        others[here - U64(1), U64(0)] -= pixels
        others[here - U64(1), U64(1)] -= hits
        others[here - U64(1), U64(2)] -= probability


@inline_njit
def _as_unsigned(total: I32) -> I64:
    """256 values of at most 1/2 fit 32 bits, but for the sign."""
    return I64(total) & I64(0xFFFFFFFF)


@inline_njit
def carry_in_place(sums: Int64[np.ndarray, "n 2"]) -> None:
    """The canonical form of limbs: after each row, before 64 bits overflow."""
    for i in range(len(sums)):
        sums[i, 0] += sums[i, 1] >> 32
        sums[i, 1] &= 0xFFFFFFFF

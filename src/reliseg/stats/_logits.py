"""First stages of the fused kernel: the calibrated column logits of a block of pixels, and their argmax."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32, Int64, UInt8

from reliseg.stats._numeric import F, I, U, compiled, exp, log
from reliseg.stats._plan import CELLS, PHASES, PIXELS
from reliseg.stats._slots import ARG, JOINED, LABEL, MAX, OWN, OWN_ROW, ROW, SCALE, TOP

NEVER = F(-1e30)
"""Below every logit: the row that fills up an odd number of them never wins."""


class Mapping(NamedTuple):
    """How model classes become the rows of the buffer: the columns that have members, in order.

    Members of a column lie side by side: `order` lists model classes, column row k has those from
    `starts[k]` to `starts[k + 1]`. `row_of` gives the row of each label, or -1.
    """

    order: Int64[np.ndarray, " m"]
    starts: Int64[np.ndarray, " k"]
    row_of: Int32[np.ndarray, " 256"]
    inverse_temperatures: Float32[np.ndarray, " r"]
    joins: bool
    scales: bool


@compiled
def interpolate_rows(
    logits: Float32[np.ndarray, "c h w"],
    order: Int64[np.ndarray, " m"],
    upper: int,
    lower: int,
    weight: F,
    lines: Float32[np.ndarray, "m s"],
) -> None:
    """Vertical interpolation of one row of the image for all model classes."""
    w = U(logits.shape[2])
    for m in range(U(len(order))):
        c = order[m]
        for x in range(w):
            a = logits[c, upper, x]
            lines[m, x] = a + (logits[c, lower, x] - a) * weight
        lines[m, w] = lines[m, U(0)]


@compiled
def interpolate(
    lines: Float32[np.ndarray, "m s"],
    first: U,
    weight: Float32[np.ndarray, " n"],
    base: U,
    z: Float32[np.ndarray, " z"],
    t: Float32[np.ndarray, " t"],
) -> None:
    """A dense block and its argmax (the lowest row of equal ones).

    The phases of a cell share its loads, two rows share the running maximum.
    """
    for x in range(U(PIXELS)):
        t[MAX + x] = F(-np.inf)
    for m in range(U(0), U(lines.shape[0]), U(2)):
        o = m * U(ROW)
        f = F(m)
        g = f + F(1)
        for x in range(U(CELLS)):
            a = lines[m, first + x]
            d = lines[m, first + x + U(1)] - a
            b = lines[m + U(1), first + x]
            e = lines[m + U(1), first + x + U(1)] - b
            for phase in range(U(PHASES)):
                i = x + phase * U(CELLS)
                s = weight[base + i]
                v = a + d * s
                u = b + e * s
                z[o + i] = v
                z[o + U(ROW) + i] = u
                n = g if u > v else f
                v = u if u > v else v
                top = t[MAX + i]
                t[ARG + i] = n if v > top else t[ARG + i]
                t[MAX + i] = v if v > top else top


@compiled
def gather(
    lines: Float32[np.ndarray, "m s"],
    cell: Int32[np.ndarray, " n"],
    start: U,
    weight: Float32[np.ndarray, " n"],
    base: U,
    z: Float32[np.ndarray, " z"],
    t: Float32[np.ndarray, " t"],
) -> None:
    """The same for a block of pixels at arbitrary places."""
    for x in range(U(PIXELS)):
        t[MAX + x] = F(-np.inf)
    for m in range(U(lines.shape[0])):
        o = m * U(ROW)
        f = F(m)
        for x in range(U(PIXELS)):
            i = U(cell[start + x])
            a = lines[m, i]
            v = a + (lines[m, i + U(1)] - a) * weight[base + x]
            z[o + x] = v
            top = t[MAX + x]
            t[ARG + x] = f if v > top else t[ARG + x]
            t[MAX + x] = v if v > top else top


@compiled
def join(starts: Int64[np.ndarray, " k"], z: Float32[np.ndarray, " z"], t: Float32[np.ndarray, " t"]) -> None:
    """logsumexp of the members of each column, in place, and the argmax of the columns.

    Each group has its own running maximum, so that no range of logits loses anything. Row k is never above
    `starts[k]`: what is overwritten has been read.
    """
    for x in range(U(PIXELS)):
        t[MAX + x] = F(-np.inf)
    for k in range(U(len(starts) - 1)):
        o, first, end = k * U(ROW), U(starts[k]), U(starts[k + U(1)])
        f = F(k)
        for x in range(U(PIXELS)):
            t[TOP + x] = z[first * U(ROW) + x]
            t[JOINED + x] = F(1)
        for m in range(first + U(1), end):
            for x in range(U(PIXELS)):
                v = z[m * U(ROW) + x]
                top = t[TOP + x]
                total = t[JOINED + x]
                e = exp(-abs(v - top))
                t[JOINED + x] = total * e + F(1) if v > top else total + e
                t[TOP + x] = v if v > top else top
        for x in range(U(PIXELS)):
            v = t[TOP + x] + log(t[JOINED + x])
            z[o + x] = v
            top = t[MAX + x]
            t[ARG + x] = f if v > top else t[ARG + x]
            t[MAX + x] = v if v > top else top


@compiled
def calibrate(
    inverse_temperatures: Float32[np.ndarray, " r"],
    z: Float32[np.ndarray, " z"],
    t: Float32[np.ndarray, " t"],
) -> None:
    """Multiply by the argmax's inverse temperature; the buffer keeps the distances from the maximum."""
    for x in range(U(PIXELS)):
        s = inverse_temperatures[U(t[ARG + x])]
        t[SCALE + x] = s
        t[TOP + x] = t[MAX + x] * s
    for r in range(U(len(inverse_temperatures))):
        o = r * U(ROW)
        for x in range(U(PIXELS)):
            z[o + x] = (z[o + x] - t[MAX + x]) * t[SCALE + x]
    for x in range(U(PIXELS)):
        t[MAX + x] = F(0)


@compiled
def label(
    row: UInt8[np.ndarray, " w"],
    pixel: Int32[np.ndarray, " n"],
    base: U,
    row_of: Int32[np.ndarray, " 256"],
    z: Float32[np.ndarray, " z"],
    t: Float32[np.ndarray, " t"],
    k: Int32[np.ndarray, " k"],
) -> None:
    """Labels in the order of the block, and the logit of each label."""
    for x in range(U(PIXELS)):
        here = row[U(pixel[base + x])]
        own = row_of[U(here)]
        k[LABEL + x] = I(here)
        k[OWN_ROW + x] = own
        t[OWN + x] = z[U(own) * U(ROW) + x] if own >= I(0) else F(-np.inf)

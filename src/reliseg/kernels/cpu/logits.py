"""First stages of the fused kernel: the calibrated column logits of a block of pixels, and their argmax."""

from typing import NamedTuple

import numpy as np

from reliseg.kernels.cpu.row_blocks import CELLS, PHASES, PIXELS
from reliseg.kernels.cpu.scratch_layout import ARG, JOINED, LABEL, MAX, OWN, OWN_ROW, ROW, SCALE, TOP
from reliseg.kernels.cpu.upsample import members
from reliseg.runtime.arithmetic import F32, I32, U64, ZERO, choose, exp, log
from reliseg.runtime.numba_compile import cached_njit, inline_njit
from reliseg.types import Float32, Float64, Int32, Int64, UInt8

NEVER = F32(-1e30)
"""Below every logit: the row that fills up an odd number of them never wins."""


class ClassGroups(NamedTuple):
    """The rows of the buffer, which are the columns that have model classes, in order.

    Members of a column lie side by side in `order`, a list of model classes: row k has those from `starts[k]` to
    `starts[k + 1]`. `row_of` gives the row of each label, or -1.
    """

    order: Int64[np.ndarray, " m"]
    starts: Int64[np.ndarray, " k"]
    row_of: Int32[np.ndarray, " 256"]
    inverse_temperatures: Float32[np.ndarray, " r"]
    joins: bool
    scales: bool
    """Whether anything multiplies the logits: the inverse temperatures, or factors of pixels."""
    varies: bool
    """Whether pixels have factors of their own."""
    classes: int
    """The number of rows that are classes of the data set; one for `other` may follow."""


@cached_njit
def class_groups(
    groups: Int64[np.ndarray, " m"], inverse_temperatures: Float64[np.ndarray, " y"], labels: int, varies: bool
) -> tuple[ClassGroups, Int64[np.ndarray, " r"]]:
    """Return the rows of the buffer for model classes that go to these columns, and the column of each row.

    The first so many columns are labels. It is compiled because of small images: NumPy's calls took a tenth of the time
    of one.
    """
    live, starts, order = members(groups)
    row_of, classes, scales = np.full(256, -1, np.int32), 0, varies
    factors = np.empty(len(live), np.float32)
    for row in range(len(live)):
        factor = inverse_temperatures[live[row]]
        factors[row] = factor
        scales |= factor != 1
        if live[row] < labels:
            row_of[live[row]] = row
            classes += 1
    joins = len(live) < len(groups)
    return ClassGroups(order, starts, row_of, factors, joins, scales, varies, classes), live


@cached_njit
def fits_columns(
    groups: Int64[np.ndarray, " m"], inverse_temperatures: Float64[np.ndarray, " y"], columns: int
) -> tuple[bool, bool]:
    """Tell whether all groups are columns, of which there are so many, and whether all factors are positive."""
    are_columns, are_factors = True, True
    for group in groups:
        are_columns &= 0 <= group < columns
    for factor in inverse_temperatures:
        are_factors &= 0 < factor < np.inf
    return are_columns, are_factors


@inline_njit
def interpolate_rows(
    logits: Float32[np.ndarray, "c h w"],
    order: Int64[np.ndarray, " m"],
    upper: int,
    lower: int,
    weight: F32,
    first: U64,
    lines: Float32[np.ndarray, "m s"],
) -> None:
    """Interpolate one row of the image vertically, for all model classes, to lines from their place `first` on."""
    w = U64(logits.shape[2])
    for m in range(U64(len(order))):
        c = order[m]
        for x in range(w):
            a = logits[c, upper, x]
            lines[m, first + x] = a + (logits[c, lower, x] - a) * weight
        lines[m, first + w] = lines[m, first]


@inline_njit
def interpolate(
    lines: Float32[np.ndarray, "m s"],
    first: U64,
    weight: Float32[np.ndarray, " n"],
    base: U64,
    z: Float32[np.ndarray, " z"],
    t: Float32[np.ndarray, " t"],
) -> None:
    """Interpolate a dense block and find its argmax, the lowest row of equal ones.

    The phases of a cell share its loads, two rows share the running maximum.
    """
    for x in range(U64(PIXELS)):
        t[MAX + x] = F32(-np.inf)
    for m in range(U64(0), U64(lines.shape[0]), U64(2)):
        o = m * U64(ROW)
        f = F32(m)
        g = f + F32(1)
        for x in range(U64(CELLS)):
            a = lines[m, first + x]
            d = lines[m, first + x + U64(1)] - a
            b = lines[m + U64(1), first + x]
            e = lines[m + U64(1), first + x + U64(1)] - b
            for phase in range(U64(PHASES)):
                i = x + phase * U64(CELLS)
                s = weight[base + i]
                v = a + d * s
                u = b + e * s
                z[o + i] = v
                z[o + U64(ROW) + i] = u
                n = choose(u > v, g, f)
                v = choose(u > v, u, v)
                top = t[MAX + i]
                t[ARG + i] = choose(v > top, n, t[ARG + i] + ZERO)
                t[MAX + i] = choose(v > top, v, top + ZERO)


@inline_njit
def gather(
    lines: Float32[np.ndarray, "m s"],
    cell: Int32[np.ndarray, " n"],
    start: U64,
    run: bool,
    weight: Float32[np.ndarray, " n"],
    base: U64,
    z: Float32[np.ndarray, " z"],
    t: Float32[np.ndarray, " t"],
) -> None:
    """Interpolate a block of pixels at arbitrary places or in consecutive cells, and find its argmax."""
    for x in range(U64(PIXELS)):
        t[MAX + x] = F32(-np.inf)
    for m in range(U64(lines.shape[0])):
        o = m * U64(ROW)
        f = F32(m)
        if run:
            first = U64(cell[start])
            for x in range(U64(PIXELS)):
                a = lines[m, first + x]
                z[o + x] = a + (lines[m, first + x + U64(1)] - a) * weight[base + x]
        else:
            for x in range(U64(PIXELS)):
                i = U64(cell[start + x])
                a = lines[m, i]
                z[o + x] = a + (lines[m, i + U64(1)] - a) * weight[base + x]
        for x in range(U64(PIXELS)):
            v = z[o + x]
            top = t[MAX + x]
            t[ARG + x] = choose(v > top, f, t[ARG + x] + ZERO)
            t[MAX + x] = choose(v > top, v, top + ZERO)


@inline_njit
def join(starts: Int64[np.ndarray, " k"], z: Float32[np.ndarray, " z"], t: Float32[np.ndarray, " t"]) -> None:
    """Replace the members of each column by their logsumexp, and find the argmax of the columns.

    Each group has its own running maximum, so that no range of logits loses anything. Row k is never above
    `starts[k]`: what is overwritten has been read.
    """
    for x in range(U64(PIXELS)):
        t[MAX + x] = F32(-np.inf)
    for k in range(U64(len(starts) - 1)):
        o, first, end = k * U64(ROW), U64(starts[k]), U64(starts[k + U64(1)])
        f = F32(k)
        for x in range(U64(PIXELS)):
            t[TOP + x] = z[first * U64(ROW) + x]
            t[JOINED + x] = F32(1)
        for m in range(first + U64(1), end):
            for x in range(U64(PIXELS)):
                v = z[m * U64(ROW) + x]
                top = t[TOP + x]
                total = t[JOINED + x]
                e = exp(-abs(v - top))
                t[JOINED + x] = choose(v > top, total * e + F32(1), total + e)
                t[TOP + x] = choose(v > top, v, top + ZERO)
        if end > first + U64(1):
            for x in range(U64(PIXELS)):
                t[TOP + x] += log(t[JOINED + x])
        for x in range(U64(PIXELS)):
            v = t[TOP + x]
            z[o + x] = v
            top = t[MAX + x]
            t[ARG + x] = choose(v > top, f, t[ARG + x] + ZERO)
            t[MAX + x] = choose(v > top, v, top + ZERO)


@inline_njit
def scale_by_class(inverse_temperatures: Float32[np.ndarray, " r"], t: Float32[np.ndarray, " t"]) -> None:
    """Set the factor of each pixel to the inverse temperature of its argmax."""
    for x in range(U64(PIXELS)):
        t[SCALE + x] = inverse_temperatures[U64(t[ARG + x])]


@inline_njit
def scale_by_pixel(
    factors: Float32[np.ndarray, " w"], pixel: Int32[np.ndarray, " n"], base: U64, t: Float32[np.ndarray, " t"]
) -> None:
    """Multiply the factor of each pixel by the pixel's own."""
    for x in range(U64(PIXELS)):
        t[SCALE + x] *= factors[U64(pixel[base + x])]


@inline_njit
def calibrate(rows: U64, z: Float32[np.ndarray, " z"], t: Float32[np.ndarray, " t"]) -> None:
    """Multiply the logits by the factor; the buffer then holds distances from the maximum."""
    for x in range(U64(PIXELS)):
        t[TOP + x] = t[MAX + x] * t[SCALE + x]
    for r in range(rows):
        o = r * U64(ROW)
        for x in range(U64(PIXELS)):
            z[o + x] = (z[o + x] - t[MAX + x]) * t[SCALE + x]
    for x in range(U64(PIXELS)):
        t[MAX + x] = F32(0)


@inline_njit
def label(
    row: UInt8[np.ndarray, " w"],
    pixel: Int32[np.ndarray, " n"],
    base: U64,
    row_of: Int32[np.ndarray, " 256"],
    z: Float32[np.ndarray, " z"],
    t: Float32[np.ndarray, " t"],
    k: Int32[np.ndarray, " k"],
) -> None:
    """Write the labels in the order of the block, and the logit of each label."""
    for x in range(U64(PIXELS)):
        here = row[U64(pixel[base + x])]
        own = row_of[U64(here)]
        k[LABEL + x] = I32(here)
        k[OWN_ROW + x] = own
        logit = z[U64(choose(own >= I32(0), own, I32(0))) * U64(ROW) + x]
        t[OWN + x] = choose(own >= I32(0), logit, F32(-np.inf))

"""Class maps of mask classification, compiled: sigmoids of masks, summed over queries, rows of an image at a time.

Method: of a row of the image, blocks of 192 pixels. The masks of all queries are interpolated into a block and go
through the sigmoid, then are added to the sums of the classes, a few queries and classes at a time: they stay in the
first two caches, and nothing of the size queries x height x width is ever stored. Sums are float32 times 2**64: a
sigmoid of 2**-189 still counts, so that class maps are exact down to 2**-126, where their logarithm is bounded.
"""

from typing import NamedTuple

import numpy as np

from reliseg.kernels.rows.bilinear import MARGIN, WIDTH, Axes, Segments, combine, combine_kept, expand
from reliseg.runtime.arithmetic import F32, I32, U64, bits, fma, from_bits, log_of_scaled
from reliseg.runtime.numba_compile import cached_njit, inline_njit
from reliseg.stats.probabilities import LEAST_MAP
from reliseg.types import Float32

SEGMENTS = 6
"""Segments of a block."""
BLOCK = SEGMENTS * WIDTH
QUERIES, CLASSES = 6, 4
"""So many are added up at a time."""
TILE = 20
"""Classes whose sums are added up at a time: 15 kB."""
SCALE = 2.0**64
"""Class maps are held times this."""

_EXPONENT = I32(64)
_UNSCALE, _LEAST = F32(1 / SCALE), F32(LEAST_MAP * SCALE)
_LOWEST, _HIGHEST = F32(-131), F32(42)  # sigmoids of 2**-189, and of 1 in float32
_MINUS_LOG2E = F32(-np.log2(np.e))
_ROUND = F32(1.5 * 2**23 - 64)  # adding it leaves a float, rounded to an integer, less 64 in the low bits of the sum


class Weights(NamedTuple):
    """Probabilities of the classes of each query, filled up with zeros, and how many classes there are."""

    values: Float32[np.ndarray, "q c"]
    classes: int

    @classmethod
    def of(cls, probabilities: Float32[np.ndarray, "q c"]) -> "Weights":
        """Return the weights of all columns."""
        queries, classes = probabilities.shape
        full = -(-queries // QUERIES) * QUERIES, -(-classes // CLASSES) * CLASSES
        values = np.zeros(full, np.float32)
        values[:queries, :classes] = probabilities
        return cls(values, classes)


@inline_njit
def _scaled_sigmoid(x: F32) -> F32:
    """Return 2**64 times the sigmoid, within (2 + |x| / 6) 1e-7 of its value; 2**-125 for all x below -131."""
    x = x if x > _LOWEST else _LOWEST
    x = x if x < _HIGHEST else _HIGHEST
    rounded = fma(x, _MINUS_LOG2E, _ROUND)
    f = fma(x, _MINUS_LOG2E, _ROUND - rounded)
    p = F32(0.00132647) * f + F32(0.00967151)
    p = p * f + F32(0.05550734)
    p = p * f + F32(0.24022242)
    p = p * f + F32(0.69314698)
    p = p * f + F32(1)
    return F32(1) / (_UNSCALE + from_bits(I32(bits(p) + I32(bits(rounded) << I32(23)))))


@inline_njit
def _accumulate(
    p: Float32[np.ndarray, "q c"],
    begin: U64,
    end: U64,
    m: Float32[np.ndarray, " m"],
    s: Float32[np.ndarray, " s"],
) -> None:
    """Add all queries to the sums of some classes, six by four: 24 products for 10 loads and 4 stores."""
    for i in range(U64(0), U64(p.shape[0]), U64(QUERIES)):
        i1, i2, i3, i4, i5 = i + U64(1), i + U64(2), i + U64(3), i + U64(4), i + U64(5)
        n = i * U64(BLOCK)
        n1, n2, n3 = n + U64(BLOCK), n + U64(2 * BLOCK), n + U64(3 * BLOCK)
        n4, n5 = n + U64(4 * BLOCK), n + U64(5 * BLOCK)
        for y in range(begin, end, U64(CLASSES)):
            o, e, f, g = y * U64(BLOCK), y + U64(1), y + U64(2), y + U64(3)
            a0, a1, a2, a3, a4, a5 = p[i, y], p[i1, y], p[i2, y], p[i3, y], p[i4, y], p[i5, y]
            b0, b1, b2, b3, b4, b5 = p[i, e], p[i1, e], p[i2, e], p[i3, e], p[i4, e], p[i5, e]
            c0, c1, c2, c3, c4, c5 = p[i, f], p[i1, f], p[i2, f], p[i3, f], p[i4, f], p[i5, f]
            d0, d1, d2, d3, d4, d5 = p[i, g], p[i1, g], p[i2, g], p[i3, g], p[i4, g], p[i5, g]
            for x in range(U64(BLOCK)):
                u0, u1, u2, u3, u4, u5 = m[n + x], m[n1 + x], m[n2 + x], m[n3 + x], m[n4 + x], m[n5 + x]
                s[o + x] += a0 * u0 + a1 * u1 + a2 * u2 + a3 * u3 + a4 * u4 + a5 * u5
                s[o + U64(BLOCK) + x] += b0 * u0 + b1 * u1 + b2 * u2 + b3 * u3 + b4 * u4 + b5 * u5
                s[o + U64(2 * BLOCK) + x] += c0 * u0 + c1 * u1 + c2 * u2 + c3 * u3 + c4 * u4 + c5 * u5
                s[o + U64(3 * BLOCK) + x] += d0 * u0 + d1 * u1 + d2 * u2 + d3 * u3 + d4 * u4 + d5 * u5


@inline_njit
def _sum_block(weights: Weights, m: Float32[np.ndarray, " m"], s: Float32[np.ndarray, " s"]) -> None:
    """Write the sums of a block, a few classes at a time, whose sums stay in the first cache."""
    s[:] = F32(0)
    classes = weights.values.shape[1]
    for begin in range(0, classes, TILE):
        _accumulate(weights.values, U64(begin), U64(min(begin + TILE, classes)), m, s)


@inline_njit
def _sum_row(
    lines: Float32[np.ndarray, "q l"],
    weights: Weights,
    columns: Segments,
    m: Float32[np.ndarray, " m"],
    s: Float32[np.ndarray, " s"],
    row: Float32[np.ndarray, "c o"],
) -> None:
    """Write the class maps of a row, in the order of the segments."""
    for b in range(columns.slots // BLOCK):
        for q in range(len(lines)):
            o = U64(q * BLOCK)
            expand(lines[q], columns, b * SEGMENTS, (b + 1) * SEGMENTS, m, o)
            for x in range(U64(BLOCK)):
                m[o + x] = _scaled_sigmoid(m[o + x])
        _sum_block(weights, m, s)
        for c in range(U64(weights.classes)):
            o, n = c * U64(BLOCK), U64(b * BLOCK)
            for x in range(U64(BLOCK)):
                row[c, n + x] = s[o + x]


@inline_njit
def _work_space(weights: Weights) -> tuple[Float32[np.ndarray, " m"], Float32[np.ndarray, " s"]]:
    """Return the sigmoids of all queries and the sums of all classes, of a block."""
    queries, classes = weights.values.shape
    return np.zeros(queries * BLOCK, np.float32), np.zeros(classes * BLOCK, np.float32)


@inline_njit
def _take(slots: Float32[np.ndarray, " o"], columns: Segments, out: Float32[np.ndarray, " x"]) -> None:
    """Write a line of segments in the order of the image."""
    for i in range(columns.fours):
        o = U64(i * 4 * WIDTH)
        n = U64(columns.lead) + o
        for x in range(U64(WIDTH)):
            out[n + U64(4) * x] = slots[o + x]
            out[n + U64(4) * x + U64(1)] = slots[o + U64(WIDTH) + x]
            out[n + U64(4) * x + U64(2)] = slots[o + U64(2 * WIDTH) + x]
            out[n + U64(4) * x + U64(3)] = slots[o + U64(3 * WIDTH) + x]
    for x in range(U64(columns.lead)):
        out[x] = slots[U64(columns.place[x])]
    for x in range(U64(columns.lead + columns.fours * 4 * WIDTH), U64(len(columns.place))):
        out[x] = slots[U64(columns.place[x])]


@inline_njit
def _finish(logs: bool, out: Float32[np.ndarray, " x"]) -> None:
    """Turn what is held into logarithms, or into class maps."""
    if logs:
        for x in range(U64(len(out))):
            v = out[x]
            out[x] = log_of_scaled(v if v > _LEAST else _LEAST, _EXPONENT)
    else:
        for x in range(U64(len(out))):
            out[x] *= _UNSCALE


@cached_njit
def sum_classes(
    masks: Float32[np.ndarray, "q h w"],
    weights: Weights,
    masks_to_image: Axes,
    logs: bool,
    out: Float32[np.ndarray, "c n x"],
) -> None:
    """Write rows of class maps, or of their logarithms: of masks that are brought to the image."""
    rows, columns = masks_to_image
    lines = np.zeros((len(masks), masks.shape[2] + MARGIN), np.float32)
    m, s = _work_space(weights)
    row = np.zeros((weights.classes, columns.slots), np.float32)
    for y in range(out.shape[1]):
        for q in range(len(masks)):
            combine(masks, q, rows, y, lines[q])
        _sum_row(lines, weights, columns, m, s, row)
        for c in range(weights.classes):
            _take(row[c], columns, out[c, y])
            _finish(logs, out[c, y])


@cached_njit
def sum_classes_between(
    masks: Float32[np.ndarray, "q h w"],
    weights: Weights,
    masks_to_maps: Axes,
    maps_to_image: Axes,
    logs: bool,
    out: Float32[np.ndarray, "c n x"],
) -> None:
    """Write rows of class maps, or of their logarithms: of masks brought to one size, and their maps to the image.

    The two rows of maps that a row of the image lies between are kept for the next one.
    """
    (rows, columns), (between, across) = masks_to_maps, maps_to_image
    lines = np.zeros((len(masks), masks.shape[2] + MARGIN), np.float32)
    m, s = _work_space(weights)
    row = np.zeros((weights.classes, columns.slots), np.float32)
    kept = np.zeros((weights.classes, 2, len(columns.place) + MARGIN), np.float32)
    held = np.full(2, -1)
    line, slots = np.zeros(len(columns.place) + MARGIN, np.float32), np.zeros(across.slots, np.float32)
    for y in range(out.shape[1]):
        for t in range(between.source.shape[0]):
            place = between.source[t, y]
            if held[place % 2] != place:
                held[place % 2] = place
                for q in range(len(masks)):
                    combine(masks, q, rows, place, lines[q])
                _sum_row(lines, weights, columns, m, s, row)
                for c in range(weights.classes):
                    _take(row[c], columns, kept[c, place % 2])
        for c in range(weights.classes):
            combine_kept(kept[c], between, y, line)
            expand(line, across, 0, across.slots // WIDTH, slots, U64(0))
            _take(slots, across, out[c, y])
            _finish(logs, out[c, y])


@cached_njit
def sum_native_classes(
    masks: Float32[np.ndarray, "q h w"], weights: Weights, maps: Float32[np.ndarray, "c h w"]
) -> None:
    """Write the class maps of masks at their own stride, times 2**64."""
    m, s = _work_space(weights)
    width = masks.shape[2]
    for y in range(masks.shape[1]):
        for b in range(0, width, BLOCK):
            n = min(BLOCK, width - b)
            for q in range(len(masks)):
                row, o = masks[q, y], U64(q * BLOCK)
                for x in range(U64(n)):
                    m[o + x] = _scaled_sigmoid(row[U64(b) + x])
            _sum_block(weights, m, s)
            for c in range(U64(weights.classes)):
                o = c * U64(BLOCK)
                for x in range(U64(n)):
                    maps[c, y, U64(b) + x] = s[o + x]


@cached_njit
def resize_maps(
    maps: Float32[np.ndarray, "c h w"], maps_to_image: Axes, logs: bool, out: Float32[np.ndarray, "c n x"]
) -> None:
    """Write rows of class maps, or of their logarithms: of maps times 2**64 that are brought to the image."""
    rows, columns = maps_to_image
    line, slots = np.zeros(maps.shape[2] + MARGIN, np.float32), np.zeros(columns.slots, np.float32)
    for y in range(out.shape[1]):
        for c in range(out.shape[0]):
            combine(maps, c, rows, y, line)
            expand(line, columns, 0, columns.slots // WIDTH, slots, U64(0))
            _take(slots, columns, out[c, y])
            _finish(logs, out[c, y])

"""The inner loops of fits, compiled: they run over pixels side by side, so that LLVM vectorises them."""

import numpy as np

from reliseg.calibration.compiled.tiles import CLASS, RANK, TOP, group_pixels, rank_columns
from reliseg.calibration.sample import InverseTemperatures, PixelIndices, PixelLabels, PixelLogits
from reliseg.kernels.cpu.upsample import TILE, argmax
from reliseg.runtime.arithmetic import I64, bits64, from_bits64
from reliseg.runtime.numba_compile import cached_njit, inline_njit
from reliseg.types import Float64, Int32, Int64

_LOG2E = np.log2(np.e)
_LN2_HIGH = 0.693147180369123816490  # 32 bits: its products with whole numbers below 2**21 are exact
_LN2_LOW = 1.90821492927058770002e-10
_ROUND = 1.5 * 2**52  # adding it leaves a float rounded to a whole number in the low bits of the sum
_LOWEST = -708.0
"""exp of less is 0."""


@inline_njit
def exp(x: float) -> float:
    """Return exp of x <= 0, within 1e-15 of its value; exactly 1 at 0, and 0 below -708."""
    rounded = x * _LOG2E + _ROUND
    n = rounded - _ROUND
    f = (x - n * _LN2_HIGH) - n * _LN2_LOW
    p = 1 / 6227020800
    p = p * f + 1 / 479001600
    p = p * f + 1 / 39916800
    p = p * f + 1 / 3628800
    p = p * f + 1 / 362880
    p = p * f + 1 / 40320
    p = p * f + 1 / 5040
    p = p * f + 1 / 720
    p = p * f + 1 / 120
    p = p * f + 1 / 24
    p = p * f + 1 / 6
    p = p * f + 0.5
    p = p * f + 1.0
    p = p * f + 1.0
    value = from_bits64(bits64(p) + (bits64(rounded) << I64(52)))
    return value if x > _LOWEST else 0.0


@inline_njit
def _subtract_top(
    logits: PixelLogits,
    labels: PixelLabels,
    start: int,
    below: Float64[np.ndarray, "y t"],
    label: Float64[np.ndarray, " t"],
) -> int:
    """Fill `below` (columns x TILE) with logits less the pixel's largest, and `label` with the label's of these.

    Pixels past the end repeat the last one. Return the number of true pixels.
    """
    count = min(TILE, len(labels) - start)
    for x in range(TILE):
        p = start + min(x, count - 1)
        top = logits[p, 0]
        for c in range(1, logits.shape[1]):
            top = max(top, logits[p, c])
        for c in range(logits.shape[1]):
            below[c, x] = np.float64(logits[p, c]) - np.float64(top)
        label[x] = below[labels[p], x]
    return count


@cached_njit
def add_derivatives(
    logits: PixelLogits,
    labels: PixelLabels,
    groups: PixelIndices,
    inverse_temperatures: InverseTemperatures,
    sums: Float64[np.ndarray, "4 g"],
) -> None:
    """Add to each pixel's group E[z] - z_label and Var[z] under its softmax, 1, and 1 if its logits differ.

    -inf has no probability.
    """
    columns = logits.shape[1]
    below, label, inverse_temperature = np.empty((columns, TILE)), np.empty(TILE), np.empty(TILE)
    weight, first, second, least = np.empty(TILE), np.empty(TILE), np.empty(TILE), np.empty(TILE)
    for start in range(0, len(labels), TILE):
        count = _subtract_top(logits, labels, start, below, label)
        for x in range(TILE):
            inverse_temperature[x] = inverse_temperatures[groups[start + min(x, count - 1)]]
            weight[x] = first[x] = second[x] = least[x] = 0.0
        for c in range(columns):
            for x in range(TILE):
                finite = below[c, x] > -np.inf
                z = below[c, x] if finite else 0.0
                e = exp(z * inverse_temperature[x]) if finite else 0.0
                weight[x] += e
                first[x] += e * z
                second[x] += e * z * z
                least[x] = min(least[x], z)
        for x in range(count):
            g = groups[start + x]
            mean = first[x] / weight[x]
            sums[0, g] += mean - label[x]
            sums[1, g] += second[x] / weight[x] - mean * mean
            sums[2, g] += 1
            sums[3, g] += least[x] < 0


@cached_njit
def add_gaps(
    logits: PixelLogits,
    labels: PixelLabels,
    inverse_temperatures: InverseTemperatures,
    edges: Float64[np.ndarray, " e"],
    sums: Float64[np.ndarray, "k b"],
    bounds: Float64[np.ndarray, "2 k b"],
) -> None:
    """Add each pixel's confidence, less 1 if its top label is right, to the bin of its confidence, for falling 1/T.

    Add to `bounds` the least and the most that the pixel can add to each bin for any 1/T between one and the next (in
    the place of the first of the two): the confidence falls from the one to the other.
    """
    columns, bins = logits.shape[1], len(edges) - 1
    below, label, tail = np.empty((columns, TILE)), np.empty(TILE), np.empty(TILE)
    before, place, right = np.empty(TILE), np.empty(TILE, np.int64), np.empty(TILE)
    for start in range(0, len(labels), TILE):
        count = _subtract_top(logits, labels, start, below, label)
        for x in range(count):
            first = 0
            while below[first, x] < 0:
                first += 1
            right[x] = labels[start + x] == first
        for k in range(len(inverse_temperatures)):
            for x in range(TILE):
                tail[x] = 0.0
            for c in range(columns):
                for x in range(TILE):
                    tail[x] += exp(below[c, x] * inverse_temperatures[k])
            for x in range(count):
                p = 1 / tail[x]
                b = int(p * bins)  # p is above 0; at an edge the product may be rounded: two comparisons settle it
                if b == bins or p <= edges[b]:
                    b -= 1
                elif p > edges[b + 1]:
                    b += 1
                sums[k, b] += p - right[x]
                if k > 0 and b == place[x]:
                    bounds[0, k - 1, b] += p - right[x]
                    bounds[1, k - 1, b] += before[x] - right[x]
                elif k > 0:
                    for i in range(b, place[x] + 1):
                        bounds[0, k - 1, i] += min(max(p, edges[i]) - right[x], 0.0)
                        bounds[1, k - 1, i] += max(min(before[x], edges[i + 1]) - right[x], 0.0)
                before[x], place[x] = p, b


@inline_njit
def _predict(logits: PixelLogits, live: Int64[np.ndarray, " c"], predicted: Int32[np.ndarray, " p"]) -> None:
    """Fill `predicted` with the first of the largest live columns of each pixel, as its place among those."""
    tile, top = np.empty((len(live), TILE), np.float32), np.empty(TILE, np.int32)
    for start in range(0, len(predicted), TILE):
        count = min(TILE, len(predicted) - start)
        for i in range(TILE):
            for c in range(len(live)):
                tile[c, i] = logits[start + min(i, count - 1), live[c]]
        argmax(tile, top)
        predicted[start : start + count] = top[:count]


@inline_njit
def _subtract_predicted(
    logits: PixelLogits,
    live: Int64[np.ndarray, " c"],
    pixels: Int64[np.ndarray, " n"],
    top: int,
    below: Float64[np.ndarray, "c t"],
) -> None:
    """Fill `below` with the live logits of some pixels less that of column `top`; places of no pixel are 0."""
    for c in range(len(live)):
        for i in range(len(pixels)):
            below[c, i] = np.float64(logits[pixels[i], live[c]]) - np.float64(logits[pixels[i], live[top]])
        for i in range(len(pixels), TILE):
            below[c, i] = 0.0


@inline_njit
def _log_softmax(below: Float64[np.ndarray, "c t"], total: Float64[np.ndarray, " t"]) -> None:
    """Turn logits into log probabilities; `total` becomes the log of the sum of their exponentials."""
    for x in range(TILE):
        total[x] = 0.0
    for c in range(len(below)):
        for x in range(TILE):
            total[x] += exp(below[c, x])
    for x in range(TILE):
        total[x] = np.log(total[x])
    for c in range(len(below)):
        for x in range(TILE):
            below[c, x] -= total[x]


@inline_njit
def _row(column: int, top: int, ordering: int) -> int:
    """Return where a column stands in the order CLASS or TOP."""
    moved = column + 1 if column < top else 0
    return moved if ordering == TOP and column <= top else column


@inline_njit
def order_columns(
    below: Float64[np.ndarray, "c t"],
    top: int,
    ordering: int,
    rank: Int32[np.ndarray, "c t"],
    z: Float64[np.ndarray, "y t"],
) -> None:
    """Fill rows of `z` with the columns in the order CLASS, TOP (the `top` one first) or RANK (as `rank` says)."""
    for c in range(len(below)):
        if ordering == RANK:
            for x in range(TILE):
                z[rank[c, x], x] = below[c, x]
        else:
            row = _row(c, top, ordering)
            for x in range(TILE):
                z[row, x] = below[c, x]


@inline_njit
def order_labels(
    columns: Int64[np.ndarray, " t"],
    pixels: int,
    top: int,
    ordering: int,
    rank: Int32[np.ndarray, "c t"],
    rows: Int32[np.ndarray, " t"],
) -> None:
    """Fill `rows` with the places of some columns, one of each pixel, in that order."""
    for x in range(pixels):
        rows[x] = rank[columns[x], x] if ordering == RANK else _row(columns[x], top, ordering)


@inline_njit
def residuals(s: Float64[np.ndarray, "c t"], row: Int32[np.ndarray, " t"], pixels: int, loss: float) -> float:
    """Return `loss` plus the NLL of `row` under the softmax of each pixel's scores `s`.

    `s` becomes the derivatives of that by the scores; 0 in places of no pixel.
    """
    high, total = np.empty(TILE), np.empty(TILE)
    for x in range(TILE):
        high[x] = -np.inf
    for c in range(len(s)):
        for x in range(TILE):
            v, h = s[c, x], high[x]
            high[x] = v if v > h else h
    for c in range(len(s)):
        for x in range(TILE):
            s[c, x] -= high[x]
    for x in range(pixels):
        loss -= s[row[x], x]
    for x in range(TILE):
        total[x] = 0.0
    for c in range(len(s)):
        for x in range(TILE):
            v = exp(s[c, x])
            s[c, x] = v
            total[x] += v
    for x in range(pixels):
        loss += np.log(total[x])
    for x in range(TILE):
        total[x] = 1 / total[x] if x < pixels else 0.0
    for c in range(len(s)):
        for x in range(TILE):
            s[c, x] *= total[x]
    for x in range(pixels):
        s[row[x], x] -= 1
    return loss


@cached_njit
def add_map_derivatives(
    logits: PixelLogits,
    labels: PixelLabels,
    live: Int64[np.ndarray, " c"],
    ordering: int,
    maps: Float64[np.ndarray, "e c c"],
    shifts: Float64[np.ndarray, "e c"],
    by_maps: Float64[np.ndarray, "e c c"],
    by_shifts: Float64[np.ndarray, "e c"],
) -> float:
    """Return the NLL of softmax(map zs + shift) by the predicted class's map and shift; add its derivatives by these.

    zs are the live logits less the largest, in the order CLASS, TOP or RANK; less their log-sum-exp for CLASS, so log
    probabilities. Pixels of one predicted class are taken together: their map is a matrix product.
    """
    columns, loss = len(live), 0.0
    below, z, s = np.empty((columns, TILE)), np.ones((columns + 1, TILE)), np.empty((columns, TILE))
    wide = np.empty((columns, columns + 1))  # maps and shifts: the last row of z is 1
    rank, row, total = np.empty((columns, TILE), np.int32), np.empty(TILE, np.int32), np.empty(TILE)
    label = np.empty(TILE, np.int64)
    place = np.full(logits.shape[1], -1)
    place[live] = np.arange(columns)
    predicted = np.empty(len(labels), np.int32)
    _predict(logits, live, predicted)
    pixels, starts = group_pixels(predicted, columns)
    for e in range(columns):
        wide[:, :columns], wide[:, columns] = maps[e], shifts[e]
        for first in range(starts[e], starts[e + 1], TILE):
            here = pixels[first : min(first + TILE, starts[e + 1])]
            _subtract_predicted(logits, live, here, e, below)
            if ordering == CLASS:
                _log_softmax(below, total)
            elif ordering == RANK:
                rank_columns(below, rank)
            order_columns(below, e, ordering, rank, z)
            for i in range(len(here)):
                label[i] = place[labels[here[i]]]
            order_labels(label, len(here), e, ordering, rank, row)
            np.dot(wide, z, s)
            loss = residuals(s, row, len(here), loss)
            by_wide = np.dot(s, z.T)
            by_maps[e] += by_wide[:, :columns]
            by_shifts[e] += by_wide[:, columns]
    return loss

"""The compiled twins of `transform`: they change a block of float32 logits of live columns in place.

numba is imported with this module: import it where it is used.
"""

import numpy as np

from reliseg.calibration.compiled.tiles import (
    Matrix,
    Tile,
    Vector,
    apply_affine,
    keep_on_top,
    log_probabilities,
    subtract_largest,
    write,
)
from reliseg.kernels.cpu.upsample import TILE
from reliseg.runtime.arithmetic import F32, U64, exp, log
from reliseg.runtime.numba_compile import cached_njit, inline_njit
from reliseg.types import Bool, Float64, LiveBlock


@cached_njit
def scale(z: LiveBlock, scales: Vector, biases: Vector) -> None:
    """Scale and shift each column."""
    for c in range(U64(len(z))):
        s, b = scales[c], biases[c]
        for x in range(U64(z.shape[1])):
            z[c, x] = z[c, x] * s + b


@cached_njit
def map_log_probabilities(z: LiveBlock, weights: Matrix, biases: Vector) -> None:
    """Turn logits into W log p + b."""
    columns = U64(len(z))
    x, y = np.zeros((weights.shape[1], TILE), np.float32), np.zeros((len(weights), TILE), np.float32)
    top, high, total = np.zeros(TILE, np.float32), np.zeros(TILE, np.float32), np.zeros(TILE, np.float32)
    for first in range(U64(0), U64(z.shape[1]), U64(TILE)):
        n = min(U64(TILE), U64(z.shape[1]) - first)
        subtract_largest(z, first, n, x, top, high)
        log_probabilities(columns, x, total)
        apply_affine(weights, biases, x, y)
        write(y, first, n, z)


@cached_njit
def mix(z: LiveBlock, inverse_temperature: float, weights: Float64[np.ndarray, " 3"]) -> None:
    """Turn logits into log(w1 softmax(z / T) + w2 softmax(z) + w3 / columns); the argmax stays."""
    columns = U64(len(z))
    below, top = np.zeros((len(z), TILE), np.float32), np.zeros(TILE, np.float32)
    high, under = np.zeros(TILE, np.float32), np.zeros(TILE, np.float32)
    flat, steep = np.zeros((len(z), TILE), np.float32), np.zeros((len(z), TILE), np.float32)
    flat_total, steep_total = np.zeros(TILE, np.float32), np.zeros(TILE, np.float32)
    flattens = inverse_temperature < 1
    s, t = F32(min(inverse_temperature, 1.0)), F32(max(inverse_temperature, 1.0))
    of_flat, of_steep = F32(weights[0] if flattens else weights[1]), F32(weights[1] if flattens else weights[0])
    uniform = F32(weights[2] / len(z))
    for first in range(U64(0), U64(z.shape[1]), U64(TILE)):
        n = min(U64(TILE), U64(z.shape[1]) - first)
        subtract_largest(z, first, n, below, top, high)
        for x in range(U64(TILE)):
            flat_total[x] = steep_total[x] = F32(0)
        for c in range(columns):
            for x in range(U64(TILE)):
                e, f = exp(below[c, x] * s), exp(below[c, x] * t)
                flat[c, x], steep[c, x] = e, f
                flat_total[x] += e
                steep_total[x] += f
        for x in range(U64(TILE)):
            flat_total[x] = of_flat / flat_total[x]
            steep_total[x] = of_steep / steep_total[x]
        # Without the uniform part the flatter exponential stays apart as a logarithm: both may underflow.
        if uniform > F32(0):
            for c in range(columns):
                for x in range(U64(TILE)):
                    below[c, x] = log(flat[c, x] * flat_total[x] + steep[c, x] * steep_total[x] + uniform)
        elif of_flat > F32(0):
            for c in range(columns):
                for x in range(U64(TILE)):
                    share = flat_total[x] + steep_total[x] * exp(below[c, x] * (t - s))
                    below[c, x] = below[c, x] * s + log(share)
        else:
            for c in range(columns):
                for x in range(U64(TILE)):
                    below[c, x] = below[c, x] * t + log(steep_total[x])
        keep_on_top(below, columns, top, high, under)
        write(below, first, n, z)


@inline_njit
def _sum_others(below: Tile, columns: U64, top: Vector, second: Vector, total: Vector) -> None:
    """Fill `second` with the largest column but the `top` one, `total` with the sum of exp(z - second) but for that."""
    for x in range(U64(TILE)):
        second[x] = F32(-1e30)
        total[x] = F32(0)
    for c in range(columns):
        f = F32(c)
        for x in range(U64(TILE)):
            v, s = below[c, x], second[x]
            v = F32(-1e30) if top[x] == f else v
            second[x] = v if v > s else s
    for c in range(columns):
        f = F32(c)
        for x in range(U64(TILE)):
            v = below[c, x] - second[x]
            e = exp(v if v < F32(0) else F32(0))
            total[x] += F32(0) if top[x] == f else e


@inline_njit
def _evaluate_line(line: Float64[np.ndarray, "4 k"], p: Float64[np.ndarray, " 256"]) -> None:
    """Turn each p into the value of the line there."""
    half = U64(line.shape[1] // 2)
    for x in range(U64(TILE)):
        k, step = U64(0), half
        while step:
            k += step if line[U64(0), k + step - U64(1)] < p[x] else U64(0)
            step >>= U64(1)
        p[x] = line[U64(2), k] + line[U64(3), k] * (p[x] - line[U64(1), k])


@cached_njit
def set_confidence(z: LiveBlock, line: Float64[np.ndarray, "4 k"], lead: float, highest: float) -> None:
    """Turn logits into log probabilities whose top one is that of a line in pieces; others keep their proportions.

    `line` holds for each piece where it ends (the last is infinity; their number a power of two), and its origin, start
    and slope. A piece takes its right end. No confidence is set above `highest`.
    """
    columns = U64(len(z))
    below, top = np.zeros((len(z), TILE), np.float32), np.zeros(TILE, np.float32)
    high, under = np.zeros(TILE, np.float32), np.zeros(TILE, np.float32)
    second, total = np.zeros(TILE, np.float32), np.zeros(TILE, np.float32)
    p = np.zeros(TILE)
    for first in range(U64(0), U64(z.shape[1]), U64(TILE)):
        n = min(U64(TILE), U64(z.shape[1]) - first)
        subtract_largest(z, first, n, below, top, high)
        _sum_others(below, columns, top, second, total)
        for x in range(U64(TILE)):
            p[x] = 1 / (1 + np.float64(exp(second[x])) * np.float64(total[x]))
        _evaluate_line(line, p)
        for x in range(U64(TILE)):
            share = lead / np.float64(total[x]) if total[x] > F32(0) else 0.0
            least = share / (1 + share)
            q = p[x] if p[x] > least else least
            q = q if q < highest else highest
            high[x] = -log(F32(1 / q))
            under[x] = -log(F32(1 / (1 - q))) - log(total[x])
        for c in range(columns):
            f = F32(c)
            for x in range(U64(TILE)):
                v, h = below[c, x] - second[x] + under[x], high[x]
                below[c, x] = h if top[x] == f else v
        keep_on_top(below, columns, top, high, under)
        write(below, first, n, z)


@inline_njit
def _find_three_largest(x: Tile, columns: U64, lowest: F32, one: Vector, two: Vector, three: Vector) -> None:
    """Fill `one`, `two` and `three` with the largest of some columns, after raising these to `lowest`."""
    for p in range(U64(TILE)):
        one[p] = two[p] = three[p] = F32(-1e30)
    for c in range(columns):
        for p in range(U64(TILE)):
            v, a, b, d = x[c, p], one[p], two[p], three[p]
            v = v if v > lowest else lowest
            x[c, p] = v
            u = v if v < a else a
            one[p] = v if v > a else a
            w = u if u < b else b
            two[p] = u if u > b else b
            three[p] = w if w > d else d


@cached_njit
def find_wrong(
    z: LiveBlock,
    hidden: Matrix,
    biases: Vector,
    last: Vector,
    lowest: float,
    largest: int,
    wrong: Bool[np.ndarray, " p"],
) -> None:
    """Fill `wrong` with whether a sum of rectified units of log probabilities and of the `largest` of them is above 0.

    The last entry of `last` is added to the sum. Log probabilities are at least `lowest`.
    """
    columns, units = U64(len(z)), U64(len(last) - 1)
    x, y = np.zeros((hidden.shape[1], TILE), np.float32), np.zeros((len(hidden), TILE), np.float32)
    one, two, three = np.zeros(TILE, np.float32), np.zeros(TILE, np.float32), np.zeros(TILE, np.float32)
    total = np.zeros(TILE, np.float32)
    for first in range(U64(0), U64(z.shape[1]), U64(TILE)):
        n = min(U64(TILE), U64(z.shape[1]) - first)
        subtract_largest(z, first, n, x, one, two)
        log_probabilities(columns, x, total)
        _find_three_largest(x, columns, F32(lowest), one, two, three)
        for p in range(U64(TILE)):
            x[columns, p] = one[p]
        if largest > 1:
            for p in range(U64(TILE)):
                x[columns + U64(1), p] = two[p]
        if largest > 2:
            for p in range(U64(TILE)):
                x[columns + U64(2), p] = three[p]
        apply_affine(hidden, biases, x, y)
        for p in range(U64(TILE)):
            total[p] = last[units]
        for i in range(units):
            for p in range(U64(TILE)):
                total[p] += last[i] * max(y[i, p], F32(0))
        for p in range(n):
            wrong[first + p] = total[p] > F32(0)

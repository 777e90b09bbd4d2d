"""What calibrations do to a block of float32 logits of live columns, compiled: the twins of their `transformed`.

Pixels are taken 256 at a time, whose columns stay in the first cache. numba is imported with this module: import it
where it is used.
"""

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from reliseg.calibration._affine import UNROLLED
from reliseg.stats._numeric import F32, I32, U64, bits, cached, compiled, exp, from_bits, inlined, log
from reliseg.stats.upsample import TILE, argmax
from reliseg.types import LiveBlock

_LEAST = F32(np.finfo(np.float32).tiny)
_HIGHEST = 1 - 1e-6
CLASS, TOP, RANK = range(3)

Matrix = Float32[np.ndarray, "o i"]
Vector = Float32[np.ndarray, " o"]
Tile = Float32[np.ndarray, "c 256"]


@inlined
def _under(x: F32) -> F32:
    """The next float below, beyond the denormals where it is one: those may be taken for 0."""
    next_ = from_bits(I32(bits(x) + (I32(1) if x < F32(0) else I32(-1))))
    return -_LEAST if abs(x) < _LEAST else next_


@compiled
def _shift(z: LiveBlock, first: U64, n: U64, below: Tile, top: Tile) -> None:
    """Fill `below` with what the logits are below the largest, and `top` with the first column that has that one."""
    for x in range(n):
        below[0, x] = z[U64(0), first + x]
        top[1, x] = below[0, x]
        top[0, x] = F32(0)
    for c in range(U64(1), U64(len(z))):
        f = F32(c)
        for x in range(n):
            v = z[c, first + x]
            below[c, x] = v
            top[0, x] = f if v > top[1, x] else top[0, x]
            top[1, x] = v if v > top[1, x] else top[1, x]
    for c in range(U64(len(z))):
        for x in range(U64(TILE)):
            below[c, x] -= top[1, x]


@compiled
def _log_probabilities(columns: U64, below: Tile, total: Vector) -> None:
    """In place of logits below the largest, which is 0."""
    for x in range(U64(TILE)):
        total[x] = F32(0)
    for c in range(columns):
        for x in range(U64(TILE)):
            total[x] += exp(below[c, x])
    for x in range(U64(TILE)):
        total[x] = log(total[x])
    for c in range(columns):
        for x in range(U64(TILE)):
            below[c, x] -= total[x]


@compiled
def _affine(weights: Matrix, biases: Vector, x: Tile, y: Tile) -> None:
    """y = W x + b."""
    for i in range(U64(weights.shape[0])):
        b = biases[i]
        for p in range(U64(TILE)):
            y[i, p] = b
        for j in range(U64(0), U64(weights.shape[1]), U64(UNROLLED)):
            u, v = weights[i, j], weights[i, j + U64(1)]
            w, q = weights[i, j + U64(2)], weights[i, j + U64(3)]
            for p in range(U64(TILE)):
                first = u * x[j, p] + v * x[j + U64(1), p]
                second = w * x[j + U64(2), p] + q * x[j + U64(3), p]
                y[i, p] += first + second


@compiled
def _keep_on_top(scores: Tile, columns: U64, top: Tile) -> None:
    """No column above that of `top[0]`, earlier ones below it."""
    for x in range(U64(TILE)):
        top[1, x] = F32(0)
    for c in range(columns):
        f = F32(c)
        for x in range(U64(TILE)):
            top[1, x] = scores[c, x] if top[0, x] == f else top[1, x]
    for x in range(U64(TILE)):
        top[2, x] = _under(top[1, x])
    for c in range(columns):
        f = F32(c)
        for x in range(U64(TILE)):
            most = top[2, x] if f < top[0, x] else top[1, x]
            scores[c, x] = scores[c, x] if scores[c, x] < most else most


@compiled
def _write(scores: Tile, first: U64, n: U64, z: LiveBlock) -> None:
    for c in range(U64(len(z))):
        for x in range(n):
            z[c, first + x] = scores[c, x]


@cached
def scale(z: LiveBlock, scales: Vector, biases: Vector) -> None:
    """A factor and a bias for each column."""
    for c in range(U64(len(z))):
        s, b = scales[c], biases[c]
        for x in range(U64(z.shape[1])):
            z[c, x] = z[c, x] * s + b


@cached
def map_log_probabilities(z: LiveBlock, weights: Matrix, biases: Vector) -> None:
    """W log p + b."""
    columns = U64(len(z))
    x, y = np.zeros((weights.shape[1], TILE), np.float32), np.zeros((len(z), TILE), np.float32)
    top, total = np.zeros((3, TILE), np.float32), np.zeros(TILE, np.float32)
    for first in range(U64(0), U64(z.shape[1]), U64(TILE)):
        n = min(U64(TILE), U64(z.shape[1]) - first)
        _shift(z, first, n, x, top)
        _log_probabilities(columns, x, total)
        _affine(weights, biases, x, y)
        _write(y, first, n, z)


@cached
def mix(z: LiveBlock, slope: float, weights: Float64[np.ndarray, " 3"]) -> None:
    """log(w1 softmax(slope z) + w2 softmax(z) + w3 / columns); the argmax stays."""
    columns = U64(len(z))
    below, top = np.zeros((len(z), TILE), np.float32), np.zeros((3, TILE), np.float32)
    flat, steep = np.zeros((len(z), TILE), np.float32), np.zeros((len(z), TILE), np.float32)
    flat_total, steep_total = np.zeros(TILE, np.float32), np.zeros(TILE, np.float32)
    falls = slope < 1
    s, t = F32(min(slope, 1.0)), F32(max(slope, 1.0))
    of_flat, of_steep = F32(weights[0] if falls else weights[1]), F32(weights[1] if falls else weights[0])
    uniform = F32(weights[2] / len(z))
    for first in range(U64(0), U64(z.shape[1]), U64(TILE)):
        n = min(U64(TILE), U64(z.shape[1]) - first)
        _shift(z, first, n, below, top)
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
        _keep_on_top(below, columns, top)
        _write(below, first, n, z)


@cached
def set_confidence(z: LiveBlock, line: Float64[np.ndarray, "4 k"], lead: float) -> None:
    """Log probabilities; the top one, p, is read off a line in pieces, the others keep their proportions.

    `line` holds for each piece where it ends (the last is infinity; their number a power of two), and its origin, start
    and slope. A piece takes its right end.
    """
    columns, pieces = U64(len(z)), line.shape[1]
    below, top = np.zeros((len(z), TILE), np.float32), np.zeros((3, TILE), np.float32)
    second, total = np.zeros(TILE, np.float32), np.zeros(TILE, np.float32)
    p, piece = np.zeros(TILE), np.zeros(TILE, np.int32)
    for first in range(U64(0), U64(z.shape[1]), U64(TILE)):
        n = min(U64(TILE), U64(z.shape[1]) - first)
        _shift(z, first, n, below, top)
        for x in range(U64(TILE)):
            second[x] = F32(-1e30)
            total[x] = F32(0)
        for c in range(columns):
            f = F32(c)
            for x in range(U64(TILE)):
                v = below[c, x] if top[0, x] != f else F32(-1e30)
                second[x] = v if v > second[x] else second[x]
        for c in range(columns):
            f = F32(c)
            for x in range(U64(TILE)):
                e = exp(min(below[c, x] - second[x], F32(0)))
                total[x] += e if top[0, x] != f else F32(0)
        for x in range(U64(TILE)):
            p[x] = 1 / (1 + np.float64(exp(second[x])) * np.float64(total[x]))
            piece[x] = 0
        step = pieces // 2
        while step:
            for x in range(U64(TILE)):
                piece[x] += I32(step) if line[0, U64(piece[x] + step - 1)] < p[x] else I32(0)
            step //= 2
        for x in range(U64(TILE)):
            k = U64(piece[x])
            q = line[2, k] + line[3, k] * (p[x] - line[1, k])
            share = lead / np.float64(total[x]) if total[x] > F32(0) else 0.0
            q = min(max(q, share / (1 + share)), _HIGHEST)
            p[x] = q
            top[1, x] = -log(F32(1 / q))
            top[2, x] = -log(F32(1 / (1 - q))) - log(total[x])
        for c in range(columns):
            f = F32(c)
            for x in range(U64(TILE)):
                below[c, x] = top[1, x] if top[0, x] == f else below[c, x] - second[x] + top[2, x]
        _keep_on_top(below, columns, top)
        _write(below, first, n, z)


@cached
def call(
    z: LiveBlock,
    hidden: Matrix,
    biases: Vector,
    last: Vector,
    lowest: float,
    largest: int,
    wrong: Bool[np.ndarray, " p"],
) -> None:
    """Whether a sum of rectified units of log probabilities, and of the `largest` of them in order, is above 0.

    The last entry of `last` is added to the sum. Log probabilities are at least `lowest`.
    """
    columns, units = U64(len(z)), U64(len(hidden))
    x, y = np.zeros((hidden.shape[1], TILE), np.float32), np.zeros((len(hidden), TILE), np.float32)
    top, total = np.zeros((3, TILE), np.float32), np.zeros(TILE, np.float32)
    for first in range(U64(0), U64(z.shape[1]), U64(TILE)):
        n = min(U64(TILE), U64(z.shape[1]) - first)
        _shift(z, first, n, x, top)
        _log_probabilities(columns, x, total)
        for p in range(U64(TILE)):
            top[0, p] = top[1, p] = top[2, p] = F32(-1e30)
        for c in range(columns):
            for p in range(U64(TILE)):
                v = max(x[c, p], F32(lowest))
                x[c, p] = v
                u = min(v, top[0, p])
                top[0, p] = max(v, top[0, p])
                v = min(u, top[1, p])
                top[1, p] = max(u, top[1, p])
                top[2, p] = max(v, top[2, p])
        for i in range(U64(largest)):
            for p in range(U64(TILE)):
                x[columns + i, p] = top[i, p]
        _affine(hidden, biases, x, y)
        for p in range(U64(TILE)):
            total[p] = last[units]
        for i in range(units):
            for p in range(U64(TILE)):
                total[p] += last[i] * max(y[i, p], F32(0))
        for p in range(n):
            wrong[first + p] = total[p] > F32(0)


@compiled
def _gather(z: LiveBlock, pixels: Int64[np.ndarray, " n"], x: Tile) -> None:
    for c in range(U64(len(z))):
        for i in range(U64(len(pixels))):
            x[c, i] = z[c, U64(pixels[i])]


@compiled
def _scatter(scores: Tile, pixels: Int64[np.ndarray, " n"], z: LiveBlock) -> None:
    for c in range(U64(len(z))):
        for i in range(U64(len(pixels))):
            z[c, U64(pixels[i])] = scores[c, i]


@compiled
def _rank(z: Tile, n: U64, order: Int64[np.ndarray, " c"], ranked: Int64[np.ndarray, "c 256"]) -> None:
    """The columns of each pixel, falling, equal ones by number; neighbours are alike, so each starts from the last."""
    for i in range(n):
        for c in range(1, len(order)):
            column = order[c]
            v = z[column, i]
            place = c
            while place:
                other = z[order[place - 1], i]
                if other > v or (other == v and order[place - 1] < column):
                    break
                order[place] = order[place - 1]
                place -= 1
            order[place] = column
        for c in range(len(order)):
            ranked[c, i] = order[c]


@compiled
def _margins(below: Tile, predicted: U64, x: Tile) -> None:
    """How far the other columns lie below the predicted one."""
    for c in range(U64(len(below))):
        row = c if c < predicted else c - U64(1)
        if c != predicted:
            for i in range(U64(TILE)):
                x[row, i] = -below[c, i]


@compiled
def _from_margins(y: Tile, predicted: U64, scores: Tile) -> None:
    for c in range(U64(len(scores))):
        row = c if c < predicted else c - U64(1)
        for i in range(U64(TILE)):
            scores[c, i] = -y[row, i] if c != predicted else F32(0)


@compiled
def _gaps(below: Tile, n: U64, ranked: Int64[np.ndarray, "c 256"], x: Tile) -> None:
    """How far each column lies below the one before it in rank."""
    for c in range(U64(len(below) - 1)):
        for i in range(n):
            x[c, i] = below[U64(ranked[c, i]), i] - below[U64(ranked[c + U64(1), i]), i]


@compiled
def _from_gaps(y: Tile, n: U64, ranked: Int64[np.ndarray, "c 256"], scores: Tile) -> None:
    for i in range(n):
        score = F32(0)
        scores[U64(ranked[0, i]), i] = score
        for c in range(U64(1), U64(len(scores))):
            score -= y[c - U64(1), i]
            scores[U64(ranked[c, i]), i] = score


@cached
def map_by_class(
    z: LiveBlock,
    ordered: int,
    slope: float,
    known: Bool[np.ndarray, " c"],
    weights: Float32[np.ndarray, "c o i"],
    biases: Float32[np.ndarray, "c o"],
) -> None:
    """S (W D zs + b) with W and b of the predicted class, log p times `slope` where that is not `known`.

    `ordered` is CLASS, TOP or RANK; see `_experts`.
    """
    columns = len(z)
    x, y = np.zeros((weights.shape[2], TILE), np.float32), np.zeros((weights.shape[1], TILE), np.float32)
    below, total = np.zeros((columns, TILE), np.float32), np.zeros(TILE, np.float32)
    top, order, ranked = np.zeros((3, TILE), np.float32), np.arange(columns), np.zeros((columns, TILE), np.int64)
    predicted = np.empty(z.shape[1], np.int32)
    argmax(z, predicted)
    ends = np.zeros(columns + 1, np.int64)
    for p in range(z.shape[1]):
        ends[predicted[p] + 1] += 1
    ends = np.cumsum(ends)
    pixels, place = np.empty(z.shape[1], np.int64), ends.copy()
    for p in range(z.shape[1]):
        e = predicted[p]
        pixels[place[e]] = p
        place[e] += 1
    for e in range(columns):
        for first in range(ends[e], ends[e + 1], TILE):
            here = pixels[first : min(first + TILE, ends[e + 1])]
            n = U64(len(here))
            _gather(z, here, below)
            if known[e] and ordered == RANK:
                _rank(below, n, order, ranked)
            for i in range(U64(TILE)):
                top[0, i] = F32(e)
                top[1, i] = below[e, i]
            for c in range(U64(columns)):
                for i in range(U64(TILE)):
                    below[c, i] -= top[1, i]
            if not known[e] or ordered == CLASS:
                _log_probabilities(U64(columns), below, total)
            if not known[e]:
                for c in range(U64(columns)):
                    for i in range(U64(TILE)):
                        below[c, i] *= F32(slope)
            elif ordered == CLASS:
                x[:columns] = below
                _affine(weights[e], biases[e], x, below)
            elif ordered == TOP:
                _margins(below, U64(e), x)
                _affine(weights[e], biases[e], x, y)
                _from_margins(y, U64(e), below)
            else:
                _gaps(below, n, ranked, x)
                _affine(weights[e], biases[e], x, y)
                _from_gaps(y, n, ranked, below)
            if ordered != CLASS:
                _keep_on_top(below, U64(columns), top)
            _scatter(below, here, z)

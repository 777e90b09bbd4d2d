"""What calibrations do to a block of float32 logits of live columns, compiled: the twins of their `transformed`.

Pixels are taken 256 at a time, whose columns stay in the first cache. Loops read before they choose: LLVM vectorises
no choice between one element that is read and another. numba is imported with this module: import it
where it is used.
"""

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Int64

from reliseg.stats._numeric import F32, I32, U64, bits, cached, compiled, exp, from_bits, inlined, log
from reliseg.stats.upsample import TILE, argmax
from reliseg.types import LiveBlock

_LEAST = F32(np.finfo(np.float32).tiny)
_HIGHEST = 1 - 1e-6
CLASS, TOP, RANK = range(3)

Matrix = Float32[np.ndarray, "o i"]
Vector = Float32[np.ndarray, " o"]
Tile = Float32[np.ndarray, "c 256"]
Ranks = Int32[np.ndarray, "c 256"]


@inlined
def _under(x: F32) -> F32:
    """The next float below, beyond the denormals where it is one: those may be taken for 0."""
    next_ = from_bits(I32(bits(x) + (I32(1) if x < F32(0) else I32(-1))))
    return -_LEAST if abs(x) < _LEAST else next_


@compiled
def _shift(z: LiveBlock, first: int, n: U64, below: Tile, top: Vector, high: Vector) -> None:
    """Fill `below` with what logits are below the largest, `high`, and `top` with the first column that has it."""
    for x in range(U64(TILE)):
        top[x] = F32(0)
        high[x] = F32(-np.inf)
    for c in range(U64(len(z))):
        f = F32(c)
        for x in range(n):
            v, t, h = z[c, first + x], top[x], high[x]
            top[x] = f if v > h else t
            high[x] = v if v > h else h
    for c in range(U64(len(z))):
        for x in range(n):
            below[c, x] = z[c, first + x] - high[x]


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
    """y = W x + b, two sums at once of four products at once, as `single` has made room for."""
    for i in range(U64(0), U64(weights.shape[0]), U64(2)):
        k = i + U64(1)
        b, d = biases[i], biases[k]
        for p in range(U64(TILE)):
            y[i, p] = b
            y[k, p] = d
        for j in range(U64(0), U64(weights.shape[1]), U64(4)):
            h, m, n = j + U64(1), j + U64(2), j + U64(3)
            q, r, s, t = weights[i, j], weights[i, h], weights[i, m], weights[i, n]
            u, v, w, o = weights[k, j], weights[k, h], weights[k, m], weights[k, n]
            for p in range(U64(TILE)):
                a, e, f, g = x[j, p], x[h, p], x[m, p], x[n, p]
                y[i, p] += (q * a + r * e) + (s * f + t * g)
                y[k, p] += (u * a + v * e) + (w * f + o * g)


@compiled
def _keep_on_top(scores: Tile, columns: U64, top: Vector, high: Vector, under: Vector) -> None:
    """No column above the `top` one, earlier ones below it; `high` and `under` are overwritten."""
    for c in range(columns):
        f = F32(c)
        for x in range(U64(TILE)):
            v, h = scores[c, x], high[x]
            high[x] = v if top[x] == f else h
    for x in range(U64(TILE)):
        under[x] = _under(high[x])
    for c in range(columns):
        f = F32(c)
        for x in range(U64(TILE)):
            v, h, u = scores[c, x], high[x], under[x]
            most = u if f < top[x] else h
            scores[c, x] = v if v < most else most


@compiled
def _write(scores: Tile, first: int, n: U64, z: LiveBlock) -> None:
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
    x, y = np.zeros((weights.shape[1], TILE), np.float32), np.zeros((len(weights), TILE), np.float32)
    top, high, total = np.zeros(TILE, np.float32), np.zeros(TILE, np.float32), np.zeros(TILE, np.float32)
    for first in range(U64(0), U64(z.shape[1]), U64(TILE)):
        n = min(U64(TILE), U64(z.shape[1]) - first)
        _shift(z, first, n, x, top, high)
        _log_probabilities(columns, x, total)
        _affine(weights, biases, x, y)
        _write(y, first, n, z)


@cached
def mix(z: LiveBlock, slope: float, weights: Float64[np.ndarray, " 3"]) -> None:
    """log(w1 softmax(slope z) + w2 softmax(z) + w3 / columns); the argmax stays."""
    columns = U64(len(z))
    below, top = np.zeros((len(z), TILE), np.float32), np.zeros(TILE, np.float32)
    high, under = np.zeros(TILE, np.float32), np.zeros(TILE, np.float32)
    flat, steep = np.zeros((len(z), TILE), np.float32), np.zeros((len(z), TILE), np.float32)
    flat_total, steep_total = np.zeros(TILE, np.float32), np.zeros(TILE, np.float32)
    falls = slope < 1
    s, t = F32(min(slope, 1.0)), F32(max(slope, 1.0))
    of_flat, of_steep = F32(weights[0] if falls else weights[1]), F32(weights[1] if falls else weights[0])
    uniform = F32(weights[2] / len(z))
    for first in range(U64(0), U64(z.shape[1]), U64(TILE)):
        n = min(U64(TILE), U64(z.shape[1]) - first)
        _shift(z, first, n, below, top, high)
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
        _keep_on_top(below, columns, top, high, under)
        _write(below, first, n, z)


@compiled
def _read_off(line: Float64[np.ndarray, "4 k"], p: Float64[np.ndarray, " 256"]) -> None:
    """The line's value at each p, in its place."""
    half = U64(line.shape[1] // 2)
    for x in range(U64(TILE)):
        k, step = U64(0), half
        while step:
            k += step if line[U64(0), k + step - U64(1)] < p[x] else U64(0)
            step >>= U64(1)
        p[x] = line[U64(2), k] + line[U64(3), k] * (p[x] - line[U64(1), k])


@cached
def set_confidence(z: LiveBlock, line: Float64[np.ndarray, "4 k"], lead: float) -> None:
    """Log probabilities; the top one, p, is read off a line in pieces, the others keep their proportions.

    `line` holds for each piece where it ends (the last is infinity; their number a power of two), and its origin, start
    and slope. A piece takes its right end.
    """
    columns = U64(len(z))
    below, top = np.zeros((len(z), TILE), np.float32), np.zeros(TILE, np.float32)
    high, under = np.zeros(TILE, np.float32), np.zeros(TILE, np.float32)
    second, total = np.zeros(TILE, np.float32), np.zeros(TILE, np.float32)
    p = np.zeros(TILE)
    for first in range(U64(0), U64(z.shape[1]), U64(TILE)):
        n = min(U64(TILE), U64(z.shape[1]) - first)
        _shift(z, first, n, below, top, high)
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
        for x in range(U64(TILE)):
            p[x] = 1 / (1 + np.float64(exp(second[x])) * np.float64(total[x]))
        _read_off(line, p)
        for x in range(U64(TILE)):
            share = lead / np.float64(total[x]) if total[x] > F32(0) else 0.0
            least = share / (1 + share)
            q = p[x] if p[x] > least else least
            q = q if q < _HIGHEST else _HIGHEST
            high[x] = -log(F32(1 / q))
            under[x] = -log(F32(1 / (1 - q))) - log(total[x])
        for c in range(columns):
            f = F32(c)
            for x in range(U64(TILE)):
                v, h = below[c, x] - second[x] + under[x], high[x]
                below[c, x] = h if top[x] == f else v
        _keep_on_top(below, columns, top, high, under)
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
    columns, units = U64(len(z)), U64(len(last) - 1)
    x, y = np.zeros((hidden.shape[1], TILE), np.float32), np.zeros((len(hidden), TILE), np.float32)
    one, two, three = np.zeros(TILE, np.float32), np.zeros(TILE, np.float32), np.zeros(TILE, np.float32)
    total = np.zeros(TILE, np.float32)
    for first in range(U64(0), U64(z.shape[1]), U64(TILE)):
        n = min(U64(TILE), U64(z.shape[1]) - first)
        _shift(z, first, n, x, one, two)
        _log_probabilities(columns, x, total)
        for p in range(U64(TILE)):
            one[p] = two[p] = three[p] = F32(-1e30)
        for c in range(columns):
            for p in range(U64(TILE)):
                v, a, b, d = x[c, p], one[p], two[p], three[p]
                v = v if v > F32(lowest) else F32(lowest)
                x[c, p] = v
                u = v if v < a else a
                one[p] = v if v > a else a
                w = u if u < b else b
                two[p] = u if u > b else b
                three[p] = w if w > d else d
        for p in range(U64(TILE)):
            x[columns, p] = one[p]
        if largest > 1:
            for p in range(U64(TILE)):
                x[columns + U64(1), p] = two[p]
        if largest > 2:
            for p in range(U64(TILE)):
                x[columns + U64(2), p] = three[p]
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
        for i in range(U64(len(pixels)), U64(TILE)):
            x[c, i] = F32(0)


@compiled
def _scatter(scores: Tile, pixels: Int64[np.ndarray, " n"], z: LiveBlock) -> None:
    for c in range(U64(len(z))):
        for i in range(U64(len(pixels))):
            z[c, U64(pixels[i])] = scores[c, i]


@compiled
def rank_columns(z: Tile, rank: Ranks) -> None:
    """The place of each column in falling order, equal ones by number: comparing all pairs needs no branch."""
    for c in range(U64(len(z))):
        for x in range(U64(TILE)):
            rank[c, x] = 0
        for d in range(c):
            for x in range(U64(TILE)):
                behind = I32(z[d, x] >= z[c, x])
                rank[c, x] = I32(rank[c, x] + behind)
                rank[d, x] = I32(rank[d, x] + I32(1) - behind)


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
def _gaps(below: Tile, rank: Ranks, ranked: Tile, x: Tile) -> None:
    """How far each rank's logit lies below that of the rank before."""
    for c in range(U64(len(below))):
        for i in range(U64(TILE)):
            ranked[U64(rank[c, i]), i] = below[c, i]
    for c in range(U64(len(below) - 1)):
        for i in range(U64(TILE)):
            x[c, i] = ranked[c, i] - ranked[c + U64(1), i]


@compiled
def _from_gaps(y: Tile, rank: Ranks, ranked: Tile, scores: Tile) -> None:
    for i in range(U64(TILE)):
        ranked[U64(0), i] = F32(0)
    for c in range(U64(1), U64(len(scores))):
        for i in range(U64(TILE)):
            ranked[c, i] = ranked[c - U64(1), i] - y[c - U64(1), i]
    for c in range(U64(len(scores))):
        for i in range(U64(TILE)):
            scores[c, i] = ranked[U64(rank[c, i]), i]


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
    top, high, under = np.zeros(TILE, np.float32), np.zeros(TILE, np.float32), np.zeros(TILE, np.float32)
    ranked, rank = np.zeros((columns, TILE), np.float32), np.zeros((columns, TILE), np.int32)
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
            _gather(z, here, below)
            if known[e] and ordered == RANK:
                rank_columns(below, rank)
            for i in range(U64(TILE)):
                top[i] = F32(e)
                high[i] = below[e, i]
            for c in range(U64(columns)):
                for i in range(U64(TILE)):
                    below[c, i] -= high[i]
            if not known[e] or ordered == CLASS:
                _log_probabilities(U64(columns), below, total)
            if not known[e]:
                for c in range(U64(columns)):
                    for i in range(U64(TILE)):
                        below[c, i] *= F32(slope)
            elif ordered == CLASS:
                x[:columns] = below
                _affine(weights[e], biases[e], x, y)
                _scatter(y, here, z)
                continue
            elif ordered == TOP:
                _margins(below, U64(e), x)
                _affine(weights[e], biases[e], x, y)
                _from_margins(y, U64(e), below)
            else:
                _gaps(below, rank, ranked, x)
                _affine(weights[e], biases[e], x, y)
                _from_gaps(y, rank, ranked, below)
            if ordered != CLASS:
                _keep_on_top(below, U64(columns), top, high, under)
            _scatter(below, here, z)

"""Stages that compiled transforms share: on 256 pixels at a time, whose columns stay in the first cache.

Loops read before they choose: LLVM vectorises no choice between one element that is read and another. numba is
imported with this module: import it where it is used.
"""

import numpy as np

from reliseg.kernels.cpu.upsample import TILE
from reliseg.runtime.arithmetic import F32, I32, U64, bits, exp, from_bits, log
from reliseg.runtime.numba_compile import inline_njit
from reliseg.types import Float32, Int32, Int64, LiveBlock

Matrix = Float32[np.ndarray, "o i"]
Vector = Float32[np.ndarray, " o"]
Tile = Float32[np.ndarray, "c 256"]
Ranks = Int32[np.ndarray, "c 256"]

CLASS, TOP, RANK = range(3)
"""Orders of a pixel's columns: by number, the predicted one first, or falling."""

_LEAST = F32(np.finfo(np.float32).tiny)


@inline_njit
def _next_below(x: F32) -> F32:
    """Return the next float below, beyond the denormals where it is one: those may be taken for 0."""
    next_ = from_bits(I32(bits(x) + (I32(1) if x < F32(0) else I32(-1))))
    return -_LEAST if abs(x) < _LEAST else next_


@inline_njit
def subtract_largest(z: LiveBlock, first: int, n: U64, below: Tile, top: Vector, high: Vector) -> None:
    """Fill `below` with logits less the largest, `high`, and `top` with the first column that has it."""
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


@inline_njit
def log_probabilities(columns: U64, below: Tile, total: Vector) -> None:
    """Turn logits, the largest of which is 0, into log probabilities."""
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


@inline_njit
def apply_affine(weights: Matrix, biases: Vector, x: Tile, y: Tile) -> None:
    """Fill y with W x + b, two sums at once of four products at once: `pack_affine` makes room for that."""
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


@inline_njit
def keep_on_top(scores: Tile, columns: U64, top: Vector, high: Vector, under: Vector) -> None:
    """Keep all columns at or below the `top` one, earlier ones below it; `high` and `under` are overwritten."""
    for c in range(columns):
        f = F32(c)
        for x in range(U64(TILE)):
            v, h = scores[c, x], high[x]
            high[x] = v if top[x] == f else h
    for x in range(U64(TILE)):
        under[x] = _next_below(high[x])
    for c in range(columns):
        f = F32(c)
        for x in range(U64(TILE)):
            v, h, u = scores[c, x], high[x], under[x]
            most = u if f < top[x] else h
            scores[c, x] = v if v < most else most


@inline_njit
def write(scores: Tile, first: int, n: U64, z: LiveBlock) -> None:
    """Copy the first n pixels of a tile to their place in the block."""
    for c in range(U64(len(z))):
        for x in range(n):
            z[c, first + x] = scores[c, x]


@inline_njit
def rank_columns(z: Tile, rank: Ranks) -> None:
    """Fill `rank` with the place of each column in falling order, equal ones by number: all pairs need no branch."""
    for c in range(U64(len(z))):
        for x in range(U64(TILE)):
            rank[c, x] = 0
        for d in range(c):
            for x in range(U64(TILE)):
                behind = I32(z[d, x] >= z[c, x])
                rank[c, x] = I32(rank[c, x] + behind)
                rank[d, x] = I32(rank[d, x] + I32(1) - behind)


@inline_njit
def group_pixels(
    predicted: Int32[np.ndarray, " p"], columns: int
) -> tuple[Int64[np.ndarray, " p"], Int64[np.ndarray, " e"]]:
    """Return pixels sorted by predicted column, and where those of each column start; then their number."""
    starts = np.zeros(columns + 1, np.int64)
    for top in predicted:
        starts[top + 1] += 1
    starts = np.cumsum(starts)
    pixels, following = np.empty(len(predicted), np.int64), starts.copy()
    for p in range(len(predicted)):
        pixels[following[predicted[p]]] = p
        following[predicted[p]] += 1
    return pixels, starts

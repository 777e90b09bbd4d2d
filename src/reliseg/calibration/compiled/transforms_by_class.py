"""The compiled twin of maps of the predicted class: pixels of one class are taken together.

numba is imported with this module: import it where it is used.
"""

import numpy as np

from reliseg.calibration.compiled.tiles import (
    CLASS,
    RANK,
    TOP,
    Ranks,
    Tile,
    Vector,
    apply_affine,
    group_pixels,
    keep_on_top,
    log_probabilities,
    rank_columns,
)
from reliseg.kernels.cpu.upsample import TILE, argmax
from reliseg.runtime.arithmetic import F32, U64
from reliseg.runtime.numba_compile import cached_njit, inline_njit
from reliseg.types import Bool, Float32, Int64, LiveBlock


@inline_njit
def _gather(z: LiveBlock, pixels: Int64[np.ndarray, " n"], x: Tile) -> None:
    for c in range(U64(len(z))):
        for i in range(U64(len(pixels))):
            x[c, i] = z[c, U64(pixels[i])]
        for i in range(U64(len(pixels)), U64(TILE)):
            x[c, i] = F32(0)


@inline_njit
def _scatter(scores: Tile, pixels: Int64[np.ndarray, " n"], z: LiveBlock) -> None:
    for c in range(U64(len(z))):
        for i in range(U64(len(pixels))):
            z[c, U64(pixels[i])] = scores[c, i]


@inline_njit
def _subtract_predicted(below: Tile, predicted: U64, top: Vector, high: Vector) -> None:
    """Do what `tiles.subtract_largest` does where the largest column is known."""
    for i in range(U64(TILE)):
        top[i] = F32(predicted)
        high[i] = below[predicted, i]
    for c in range(U64(len(below))):
        for i in range(U64(TILE)):
            below[c, i] -= high[i]


@inline_njit
def _margins(below: Tile, predicted: U64, x: Tile) -> None:
    """Fill `x` with how far the other columns lie below the predicted one."""
    for c in range(U64(len(below))):
        row = c if c < predicted else c - U64(1)
        if c != predicted:
            for i in range(U64(TILE)):
                x[row, i] = -below[c, i]


@inline_njit
def _scores_from_margins(y: Tile, predicted: U64, scores: Tile) -> None:
    for c in range(U64(len(scores))):
        row = c if c < predicted else c - U64(1)
        for i in range(U64(TILE)):
            scores[c, i] = -y[row, i] if c != predicted else F32(0)


@inline_njit
def _gaps(below: Tile, rank: Ranks, ranked: Tile, x: Tile) -> None:
    """Fill `x` with how far each rank's logit lies below that of the rank before."""
    for c in range(U64(len(below))):
        for i in range(U64(TILE)):
            ranked[U64(rank[c, i]), i] = below[c, i]
    for c in range(U64(len(below) - 1)):
        for i in range(U64(TILE)):
            x[c, i] = ranked[c, i] - ranked[c + U64(1), i]


@inline_njit
def _scores_from_gaps(y: Tile, rank: Ranks, ranked: Tile, scores: Tile) -> None:
    for i in range(U64(TILE)):
        ranked[U64(0), i] = F32(0)
    for c in range(U64(1), U64(len(scores))):
        for i in range(U64(TILE)):
            ranked[c, i] = ranked[c - U64(1), i] - y[c - U64(1), i]
    for c in range(U64(len(scores))):
        for i in range(U64(TILE)):
            scores[c, i] = ranked[U64(rank[c, i]), i]


@cached_njit
def map_by_class(
    z: LiveBlock,
    ordering: int,
    inverse_temperature: float,
    known: Bool[np.ndarray, " c"],
    weights: Float32[np.ndarray, "c o i"],
    biases: Float32[np.ndarray, "c o"],
) -> None:
    """Turn logits into S (W D zs + b) with W and b of the predicted class; into log p / T where it is not `known`.

    `ordering` is CLASS, TOP or RANK; see `fitting.affine_by_class`.
    """
    columns = len(z)
    x, y = np.zeros((weights.shape[2], TILE), np.float32), np.zeros((weights.shape[1], TILE), np.float32)
    below, total = np.zeros((columns, TILE), np.float32), np.zeros(TILE, np.float32)
    top, high, under = np.zeros(TILE, np.float32), np.zeros(TILE, np.float32), np.zeros(TILE, np.float32)
    ranked, rank = np.zeros((columns, TILE), np.float32), np.zeros((columns, TILE), np.int32)
    predicted = np.empty(z.shape[1], np.int32)
    argmax(z, predicted)
    pixels, starts = group_pixels(predicted, columns)
    for e in range(columns):
        for first in range(starts[e], starts[e + 1], TILE):
            here = pixels[first : min(first + TILE, starts[e + 1])]
            _gather(z, here, below)
            if known[e] and ordering == RANK:
                rank_columns(below, rank)
            _subtract_predicted(below, U64(e), top, high)
            if not known[e] or ordering == CLASS:
                log_probabilities(U64(columns), below, total)
            if not known[e]:
                for c in range(U64(columns)):
                    for i in range(U64(TILE)):
                        below[c, i] *= F32(inverse_temperature)
            elif ordering == CLASS:
                x[:columns] = below
                apply_affine(weights[e], biases[e], x, y)
                _scatter(y, here, z)
                continue
            elif ordering == TOP:
                _margins(below, U64(e), x)
                apply_affine(weights[e], biases[e], x, y)
                _scores_from_margins(y, U64(e), below)
            else:
                _gaps(below, rank, ranked, x)
                apply_affine(weights[e], biases[e], x, y)
                _scores_from_gaps(y, rank, ranked, below)
            if ordering != CLASS:
                keep_on_top(below, U64(columns), top, high, under)
            _scatter(below, here, z)

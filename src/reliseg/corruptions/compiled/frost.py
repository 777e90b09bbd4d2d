"""Frozen panes: ice as noise that is drawn out along the barbs of feathers."""

from typing import NamedTuple

import numpy as np

from reliseg.corruptions.compiled.philox import U8, U32, words
from reliseg.runtime.arithmetic import F32, I64
from reliseg.runtime.numba_compile import exact_njit, inline_exact_njit
from reliseg.types import Float32, Image, Int32, Int64, UInt8, UInt64

Turns = Int64[np.ndarray, "64 2"]
"""Cosine and sine of 64 directions, in units of 2**-8."""
_REACH = 10
"""Pixels of noise each way that a barb is drawn from."""
_BARB = 9
"""The angle between barb and quill, in 64ths of a turn: 50 degrees."""


class Feathers(NamedTuple):
    """Where the feathers of a pane are, one for each jittered cell, with a margin of one cell; and their angles."""

    rows: Int64[np.ndarray, "c c"]
    columns: Int64[np.ndarray, "c c"]
    angles: Int64[np.ndarray, "c c"]
    """In 64ths of a turn."""


@inline_exact_njit
def feathers(n: int, cells: int, key: UInt64[np.ndarray, "4"]) -> Feathers:
    """Return a feather for each of `cells` x `cells` cells of n x n pixels; the margin has those of the other side."""
    seeds = np.empty((cells, (cells + 3) // 4 * 4), U32)
    for i in range(cells):
        words(key, (1 << 30) + i, seeds[i])
    shape = (cells + 2, cells + 2)
    rows, columns, angles = np.empty(shape, I64), np.empty(shape, I64), np.empty(shape, I64)
    for i in range(cells + 2):
        for j in range(cells + 2):
            u = seeds[(i - 1 + cells) % cells, (j - 1 + cells) % cells]
            rows[i, j] = ((i - 1) * 256 + I64(u >> U32(8) & U32(255))) * n // (256 * cells)
            columns[i, j] = ((j - 1) * 256 + I64(u & U32(255))) * n // (256 * cells)
            angles[i, j] = I64(u >> U32(16) & U32(63))
    return Feathers(rows, columns, angles)


@inline_exact_njit
def direction(near: Feathers, cell: tuple[int, int], y: int, x: int, turns: Turns) -> I64:
    """Return the direction of the barbs at a pixel: those of the nearest feather, on this side of its quill."""
    best, a, vx, vy = 1 << 40, I64(0), I64(0), I64(0)
    for i in range(cell[0], cell[0] + 3):
        for j in range(cell[1], cell[1] + 3):
            ax, ay = x - near.columns[i, j], y - near.rows[i, j]
            if ax * ax + ay * ay < best:
                best, a, vx, vy = ax * ax + ay * ay, near.angles[i, j], ax, ay
    return (a + (_BARB if turns[a, 0] * vy > turns[a, 1] * vx else 64 - _BARB)) & 63


@exact_njit
def ferns(n: int, cells: int, turns: Turns, key: UInt64[np.ndarray, "4"]) -> UInt8[np.ndarray, "n n"]:
    """Return n x n bytes, 128 in the mean, of ice of `cells` x `cells` feathers. It goes on at its other side.

    n is a power of two.
    """
    dust, near = np.empty((n, n), U32), feathers(n, cells, key)
    for y in range(n):
        words(key, y, dust[y])
    out = np.empty((n, n), U8)
    for y in range(n):
        for x in range(n):
            a = direction(near, (y * cells // n, x * cells // n), y, x, turns)
            s = I64(0)
            for k in range(-_REACH, _REACH + 1):
                u = dust[y + (turns[a, 1] * k + 128 >> 8) & (n - 1), x + (turns[a, 0] * k + 128 >> 8) & (n - 1)]
                s += I64(u >> U32(24)) * (_REACH + 1 - abs(k))
            s = (s // (_REACH + 1) - 128 * (_REACH + 1)) * 160 // 1024 + 128
            out[y, x] = U8(min(max(s, I64(0)), I64(255)))
    return out


@exact_njit
def pane_of(fern: UInt8[np.ndarray, "n n"], drift: Int32[np.ndarray, "m m"]) -> UInt8[np.ndarray, "p p"]:
    """Return 2n x 2n bytes: the ferns, twice as large, where clouds of drift lie thick; m divides n."""
    n, m = len(fern), len(drift)
    low, span = I64(drift.min()), I64(drift.max()) - I64(drift.min()) + 1
    out, cell = np.empty((2 * n, 2 * n), U8), 2 * n // m
    for y in range(2 * n):
        i, i2 = y // 2, (y // 2 + y % 2) % n
        p, f = y // cell, y % cell
        p2 = (p + 1) % m
        for x in range(2 * n):
            j, j2 = x // 2, (x // 2 + x % 2) % n
            ice = (I64(fern[i, j]) + I64(fern[i, j2]) + I64(fern[i2, j]) + I64(fern[i2, j2])) // 4
            q, g = x // cell, x % cell
            q2 = (q + 1) % m
            above = I64(drift[p, q]) * (cell - g) + I64(drift[p, q2]) * g
            below = I64(drift[p2, q]) * (cell - g) + I64(drift[p2, q2]) * g
            thick = ((above * (cell - f) + below * f) // (cell * cell) - low) * 255 // span
            v = 128 + (ice - 128) * thick // 128 + (thick - 128) // 4
            out[y, x] = U8(min(max(v, I64(0)), I64(255)))
    return out


@exact_njit
def frosted(
    image: Image, pane: UInt8[np.ndarray, "p p"], top: int, left: int, share: F32, ice: Float32[np.ndarray, "3 256"]
) -> Image:
    """Return the image times `share`, and what the pane's bytes mean in each channel.

    The pane, whose size is a power of two, goes on for ever.
    """
    out, mask = np.empty_like(image), len(pane) - 1
    for y in range(image.shape[0]):
        row = pane[top + y & mask]
        for x in range(image.shape[1]):
            g = row[left + x & mask]
            for c in range(3):
                v = F32(image[y, x, c]) * share + ice[c, g]
                out[y, x, c] = U8(v if v < F32(255) else F32(255))
    return out

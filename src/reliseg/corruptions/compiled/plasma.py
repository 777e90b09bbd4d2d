"""Clouds by the diamond-square algorithm, on a torus, and an image in them."""

from typing import NamedTuple, TypeAlias

import numpy as np

from reliseg.corruptions.compiled.philox import U8, U32, words
from reliseg.runtime.arithmetic import F32, I32, U64
from reliseg.runtime.numba_compile import exact_njit, inline_exact_njit
from reliseg.types import Image, Int32, Int64, UInt32, UInt64

Row: TypeAlias = Int32[np.ndarray, " n"]
Grid: TypeAlias = Int32[np.ndarray, "n n"]


class Level(NamedTuple):
    """The doubling number `k` of the grid: what is added is uniform up to `amplitude` / 2**13 either way."""

    k: int
    amplitude: int


@inline_exact_njit
def add_centres(grid: Grid, j: int, level: Level, u: UInt32[np.ndarray, " m"], new: Row) -> None:
    """Write the centres of row `j` of cells, after that of the last one; `u` are the random words of the row."""
    n = len(grid)
    a, top, below = I32(level.amplitude), grid[j], grid[(j + 1) % n]
    for x in range(U64(n)):
        r = U64(0) if x == U64(n - 1) else x + U64(1)
        s = I32(I32(top[x] >> I32(2)) + I32(top[r] >> I32(2))) + I32(I32(below[x] >> I32(2)) + I32(below[r] >> I32(2)))
        new[x + U64(1)] = I32(I32(s) + I32(I32(I32(I32(u[x] & U32(0xFFFF)) - I32(32768)) * a) >> I32(4)))
    new[0] = new[n]


@inline_exact_njit
def add_edges(top: Row, below: Row, centres: tuple[Row, Row], a: I32, v: UInt32[np.ndarray, " n"], rows: Row) -> None:
    """Write both rows, one after the other, that a row of cells becomes; `centres` are those above it and its own."""
    old, new = centres
    n = len(top)
    even, odd = rows[: 2 * n], rows[2 * n :]
    for x in range(U64(n)):
        r = U64(0) if x == U64(n - 1) else x + U64(1)
        c, e = new[x + U64(1)], v[x]
        t = I32(I32(top[x] >> I32(2)) + I32(top[r] >> I32(2))) + I32(I32(c >> I32(2)) + I32(old[x + U64(1)] >> I32(2)))
        s = I32(I32(top[x] >> I32(2)) + I32(below[x] >> I32(2))) + I32(I32(c >> I32(2)) + I32(new[x] >> I32(2)))
        even[U64(2) * x] = top[x]
        even[U64(2) * x + U64(1)] = I32(I32(t) + I32(I32(I32(I32(e & U32(0xFFFF)) - I32(32768)) * a) >> I32(4)))
        odd[U64(2) * x] = I32(I32(s) + I32(I32(I32(I32(e >> U32(16)) - I32(32768)) * a) >> I32(4)))
        odd[U64(2) * x + U64(1)] = c


@inline_exact_njit
def row_pairs(
    grid: Grid,
    level: Level,
    key: UInt64[np.ndarray, "4"],
    i: int,
    centre: Int32[np.ndarray, "2 m"],
    rows: Row,
) -> None:
    """Write the rows that row `i` of cells becomes, where the centres of the row above are in `centre`.

    Row -1 is the last one, of which only the centres are made.
    """
    n = len(grid)
    j = (i + n) % n
    u = np.empty(max(4, 2 * n), U32)
    words(key, (j << 4) + level.k, u)
    add_centres(grid, j, level, u, centre[i % 2])
    if i >= 0:
        both = (centre[(i + 1) % 2], centre[i % 2])
        add_edges(grid[j], grid[(j + 1) % n], both, I32(level.amplitude), u[n : 2 * n], rows)


@exact_njit
def plasma(amplitudes: Int64[np.ndarray, " k"], key: UInt64[np.ndarray, "4"]) -> Grid:
    """Return a grid of 2**k rows and columns: each level doubles it, and adds noise of its amplitude."""
    grid = np.zeros((1, 1), I32)
    for k in range(len(amplitudes)):
        n = 1 << k
        out, centre = np.empty((n, 4 * n), I32), np.empty((2, n + 1), I32)
        level = Level(k, amplitudes[k])
        for i in range(-1, n):
            row_pairs(grid, level, key, i, centre, out[max(i, 0)])
        grid = out.reshape(2 * n, 2 * n)
    return grid


@exact_njit
def fogged(image: Image, grid: Grid, level: Level, key: UInt64[np.ndarray, "4"], strength: F32) -> Image:
    """Return the image in clouds, those of `grid` after one more level: stretched to [0, strength], added, scaled back.

    Of the last level no more than some rows is ever held: it is made once for its extremes, and again for its pixels.
    """
    h, w, n = image.shape[0], image.shape[1], len(grid)
    low, high, most = I32(2147483647), I32(-2147483648), U8(0)
    rows, centre = np.empty(4 * n, I32), np.empty((2, n + 1), I32)
    for i in range(-1, n):
        row_pairs(grid, level, key, i, centre, rows)
        if i >= 0:
            for x in range(4 * n):
                low, high = min(low, rows[x]), max(high, rows[x])
    for y in range(h):
        for x in range(w):
            most = max(most, max(image[y, x, 0], max(image[y, x, 1], image[y, x, 2])))
    peak = strength * F32(255)
    shrink = F32(most) / (F32(most) + peak)
    scale = peak / (F32(high) - F32(low)) * shrink if high > low else F32(0)
    out = np.empty_like(image)
    for i in range(-1, (h + 1) // 2):
        row_pairs(grid, level, key, i, centre, rows)
        for y in range(max(2 * i, 0), min(2 * i + 2, h)):
            line = rows[(y - 2 * i) * 2 * n :]
            for x in range(U64(w)):
                f = F32(I32(line[x] - low)) * scale
                for c in range(U64(3)):
                    out[y, x, c] = U8(F32(image[y, x, c]) * shrink + f)
    return out

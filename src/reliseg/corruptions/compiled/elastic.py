"""An image that is bent by a smooth random field."""

from typing import NamedTuple

import numpy as np

from reliseg.corruptions.compiled.philox import U8, U32, words
from reliseg.runtime.arithmetic import F32, I32, U64
from reliseg.runtime.numba_compile import exact_njit, inline_exact_njit
from reliseg.types import Float32, Image, UInt8, UInt64

Cells = Float32[np.ndarray, "n m"]
Line = Float32[np.ndarray, " w"]


class Smoothing(NamedTuple):
    """Cells of `rows` x `columns` pixels, and odd numbers of weights for each way; numbers are uniform to +-`most`."""

    rows: int
    columns: int
    down: Float32[np.ndarray, " k"]
    across: Float32[np.ndarray, " l"]
    most: F32


@exact_njit
def field(h: int, w: int, spec: Smoothing, key: UInt64[np.ndarray, "4"], stream: int) -> Cells:
    """Return uniform numbers on the cells of an image, smoothed; what is beyond the edge is mirrored."""
    n, m = (h + spec.rows - 1) // spec.rows, (w + spec.columns - 1) // spec.columns
    r, q = len(spec.down) // 2, len(spec.across) // 2
    a, b = np.empty((n, m), F32), np.empty((n, m), F32)
    u, wide = np.empty((m + 3) // 4 * 4, U32), np.empty(m + 2 * q, F32)
    for y in range(n):
        words(key, y + stream * n, u)
        for x in range(m):
            a[y, x] = (F32(u[x] >> U32(8)) * F32(2.0**-23) - F32(1)) * spec.most
    for y in range(n):
        line = b[y]
        line[:] = F32(0)
        for k in range(-r, r + 1):
            i = (y + k) % (2 * n)
            row, f = a[min(i, 2 * n - 1 - i)], spec.down[k + r]
            for x in range(m):
                line[x] += row[x] * f
    for y in range(n):
        for x in range(m + 2 * q):
            i = (x - q) % (2 * m)
            wide[x] = b[y, min(i, 2 * m - 1 - i)]
        line = a[y]
        line[:] = F32(0)
        for k in range(U64(2 * q + 1)):
            f = spec.across[k]
            for x in range(U64(m)):
                line[x] += wide[x + k] * f
    return a


@inline_exact_njit
def between_cells(n: int, size: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each of n pixels, the first of the two cells whose centres it lies between, and the other's share."""
    at, share = np.empty(n, I32), np.empty(n, F32)
    for x in range(n):
        v = min(max((F32(x) + F32(0.5)) / F32(size) - F32(0.5), F32(0)), F32(count - 1))
        at[x] = I32(v) if v < count - 1 else max(count - 2, 0)
        share[x] = v - F32(at[x])
    return at, share


@inline_exact_njit
def mirrored(v: F32, size: int) -> F32:
    """Return a place beyond the image as one within, counted from the centre of the first pixel."""
    v = abs(v + F32(0.5)) - F32(0.5)
    v = F32(size - 0.5) - abs(F32(size - 0.5) - v)
    return max(v, F32(0))


@inline_exact_njit
def read(image: Image, ys: Line, xs: Line, out: UInt8[np.ndarray, "w 3"]) -> None:
    """Write what the image has at these places, between its pixels bilinearly."""
    h, w = image.shape[0], image.shape[1]
    for x in range(len(xs)):
        a, b = ys[x], xs[x]
        i, j = min(I32(a), h - 1), min(I32(b), w - 1)
        f, g = min(a - F32(i), F32(1)), min(b - F32(j), F32(1))
        i2, j2 = min(i + 1, h - 1), min(j + 1, w - 1)
        for c in range(3):
            p, q = F32(image[i, j, c]), F32(image[i2, j, c])
            p += (F32(image[i, j2, c]) - p) * g
            q += (F32(image[i2, j2, c]) - q) * g
            out[x, c] = U8(p + (q - p) * f + F32(1e-3))


@exact_njit
def warp(image: Image, dy: Cells, dx: Cells, rows: int, columns: int) -> Image:
    """Return the image with each pixel taken from where the field of cells of `rows` x `columns` pixels moves it."""
    h, w = image.shape[0], image.shape[1]
    n, m = dy.shape
    cell_rows, down = between_cells(h, rows, n)
    cell_columns, across = between_cells(w, columns, m)
    ly, lx = np.empty(m + 1, F32), np.empty(m + 1, F32)
    ys, xs = np.empty(w, F32), np.empty(w, F32)
    out = np.empty_like(image)
    for y in range(h):
        i, f = cell_rows[y], down[y]
        j = min(i + 1, n - 1)
        for x in range(m):
            ly[x] = dy[i, x] + (dy[j, x] - dy[i, x]) * f + F32(y)
            lx[x] = dx[i, x] + (dx[j, x] - dx[i, x]) * f
        ly[m], lx[m] = ly[m - 1], lx[m - 1]
        for x in range(U64(w)):
            k, g = U64(cell_columns[x]), across[x]
            ys[x] = mirrored(ly[k] + (ly[k + U64(1)] - ly[k]) * g, h)
            xs[x] = mirrored(lx[k] + (lx[k + U64(1)] - lx[k]) * g + F32(x), w)
        read(image, ys, xs, out[y])
    return out

"""Snow: a layer of flakes, and an image under it."""

from typing import NamedTuple

import numpy as np

from reliseg.corruptions.compiled.philox import U8, U32, words
from reliseg.runtime.arithmetic import F32, I64, U64
from reliseg.runtime.numba_compile import exact_njit
from reliseg.types import Float32, Image, Int32, UInt8, UInt64


class Axis(NamedTuple):
    """Where the pixels of an axis are read in the magnified middle, as `zoom.Lines` of one magnification."""

    first: Int32[np.ndarray, " n"]
    weight: Int32[np.ndarray, " n"]


class Flakes(NamedTuple):
    """Normal numbers of this mean and spread; what is below `least` is no flake. `table` holds quantiles."""

    table: Float32[np.ndarray, "65536"]
    mean: F32
    spread: F32
    least: F32


@exact_njit
def flakes(spec: Flakes, rows: Axis, columns: Axis, m: int, key: UInt64[np.ndarray, "4"]) -> UInt8[np.ndarray, "r n"]:
    """Return magnified flakes in bytes, with a margin of `m` bytes, where those of the edge are repeated."""
    h, w = len(rows.first), len(columns.first)
    left, top = I64(columns.first[0]), I64(rows.first[0])
    n, count = I64(columns.first[w - 1]) + 2 - left, I64(rows.first[h - 1]) + 2 - top
    coarse = np.empty((count, n), F32)
    u = np.empty((n + 3) // 4 * 4, U32)
    for y in range(count):
        words(key, y, u)
        for x in range(n):
            coarse[y, x] = spec.mean + spec.spread * spec.table[u[x] & U32(0xFFFF)]
    out, line = np.empty((h + 2 * m, w + 2 * m), U8), np.empty(n, F32)
    for y in range(h):
        i, f = I64(rows.first[y]) - top, F32(rows.weight[y]) * F32(1 / 2048)
        for x in range(n):
            line[x] = coarse[i, x] + (coarse[i + 1, x] - coarse[i, x]) * f
        row = out[y + m]
        for x in range(U64(w)):
            j = U64(columns.first[x] - left)
            v = line[j] + (line[j + U64(1)] - line[j]) * F32(columns.weight[x]) * F32(1 / 2048)
            v = v if v < F32(1) else F32(1)
            v = v if v >= spec.least else F32(0)
            row[U64(m) + x] = U8(v * F32(255) + F32(0.5))
        row[:m] = row[m]
        row[m + w :] = row[m + w - 1]
    for y in range(m):
        out[y] = out[m]
        out[m + h + y] = out[m + h - 1]
    return out


@exact_njit
def snowed(image: Image, layer: UInt8[np.ndarray, "h w"], share: F32) -> Image:
    """Return the image whitened by its brightness, under the flakes as they are and turned by 180 degrees."""
    h, w = image.shape[0], image.shape[1]
    out = np.empty_like(image)
    for y in range(h):
        for x in range(w):
            r, g, b = F32(image[y, x, 0]), F32(image[y, x, 1]), F32(image[y, x, 2])
            grey = (F32(0.299) * r + F32(0.587) * g + F32(0.114) * b) * F32(1.5) + F32(127.5)
            flake = F32(layer[y, x]) + F32(layer[h - 1 - y, w - 1 - x])
            for c in range(3):
                v = F32(image[y, x, c])
                v = share * v + (F32(1) - share) * (v if v > grey else grey) + flake
                out[y, x, c] = U8(v if v < F32(255) else F32(255))
    return out

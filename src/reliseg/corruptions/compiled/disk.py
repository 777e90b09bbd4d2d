"""A disk of equal weights with a rim of other ones."""

from typing import NamedTuple

import numpy as np

from reliseg.corruptions.compiled.philox import U8
from reliseg.runtime.arithmetic import F32, I32, U64
from reliseg.runtime.numba_compile import exact_njit
from reliseg.types import Int32, Int64, UInt8

I16 = np.int16
_TILE = 512
"""Bytes of a row that stay in the first cache."""


class Disk(NamedTuple):
    """A kernel that is its own mirror image both ways."""

    half: Int64[np.ndarray, " d"]
    """Of each column, how far the plateau reaches up and down; -1: it has nothing there."""
    plateau: F32
    """The weight of each pixel of the plateau."""
    rim: Int64[np.ndarray, "k 2"]
    """Row and column of a tap, which stands for four mirrored ones."""
    weights: Int32[np.ndarray, " k"]
    """Of the rim, in units of 2**-20 and below 2**15."""


@exact_njit
def disk(p: UInt8[np.ndarray, "r n"], m: int, kernel: Disk, h: int, w: int) -> UInt8[np.ndarray, "h n"]:
    """Return the image of padded rows `p`, with a margin of `m` pixels, under the kernel.

    Sums of the plateau slide down: each of its columns gains one pixel and loses one. Weights are masked to 15 bits, so
    that one instruction multiplies and adds.
    """
    half, rim, weights = kernel.half, kernel.rim, kernel.weights
    r, n = len(half) // 2, 3 * w
    total, out = np.zeros(n, I32), np.empty((h, n), U8)
    step, acc = np.empty(_TILE, I16), np.empty(_TILE, I32)
    for y in range(h):
        for b in range(0, n, _TILE):
            size = U64(min(_TILE, n - b))
            step[:] = 0
            acc[:] = 0
            for d in range(2 * r + 1):
                if half[d] < 0:
                    continue
                o = U64(3 * (m - r + d) + b)
                if y == 0:
                    for t in range(m - half[d], m + half[d] + 1):
                        for i in range(size):
                            total[U64(b) + i] += p[t, o + i]
                else:
                    up, down = p[y + m - half[d] - 1], p[y + m + half[d]]
                    for i in range(size):
                        step[i] = I16(step[i] + I16(I16(down[o + i]) - I16(up[o + i])))
            for k in range(len(weights)):
                f, up, down = I32(weights[k] & I32(0x7FFF)), p[y + m - rim[k, 0]], p[y + m + rim[k, 0]]
                o, q = U64(3 * (m - rim[k, 1]) + b), U64(3 * (m + rim[k, 1]) + b)
                for i in range(size):
                    s = I16(I16(I16(up[o + i]) + I16(up[q + i])) + I16(I16(down[o + i]) + I16(down[q + i])))
                    acc[i] = I32(acc[i] + I32(I32(s) * f))
            for i in range(size):
                flat = I32(total[U64(b) + i] + I32(step[i]))
                total[U64(b) + i] = flat
                v = F32(flat) * kernel.plateau + F32(acc[i]) * F32(2.0**-20) + F32(1e-3)
                out[y, U64(b) + i] = U8(I32(v if v < F32(255) else F32(255)))
    return out

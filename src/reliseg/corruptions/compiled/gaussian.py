"""A Gaussian in 15-bit weights, rows and columns apart; pixels of the edge are repeated beyond it."""

import numpy as np

from reliseg.corruptions.compiled.philox import U8
from reliseg.runtime.arithmetic import I32, U64
from reliseg.runtime.numba_compile import exact_njit
from reliseg.types import Image, Int32


@exact_njit
def smooth(image: Image, weights: Int32[np.ndarray, " k"]) -> Image:
    """Return the image under an odd number of weights that add up to 2**15; bytes are rounded down."""
    h, w, r = image.shape[0], image.shape[1], len(weights) // 2
    src, out = image.reshape(h, 3 * w), np.empty((h, 3 * w), U8)
    line, acc = np.empty(3 * (w + 2 * r), I32), np.empty(3 * w, I32)
    for y in range(h):
        acc[:] = 1 << 7
        for k in range(-r, r + 1):
            row, f = src[min(max(y + k, 0), h - 1)], I32(weights[k + r] & I32(0x7FFF))
            for i in range(U64(3 * w)):
                acc[i] = I32(acc[i] + I32(I32(row[i]) * f))
        for i in range(U64(3 * w)):
            line[U64(3 * r) + i] = acc[i] >> I32(8)  # 15 bits
        for x in range(r):
            for c in range(3):
                line[3 * x + c], line[3 * (w + r + x) + c] = line[3 * r + c], line[3 * (w + r - 1) + c]
        acc[:] = 1 << 7
        for k in range(U64(2 * r + 1)):
            f = I32(weights[k] & I32(0x7FFF))
            for i in range(U64(3 * w)):
                acc[i] = I32(acc[i] + I32(I32(line[i + U64(3) * k] & I32(0x7FFF)) * f))
        for i in range(U64(3 * w)):
            out[y, i] = U8(acc[i] >> I32(22))
    return out.reshape(h, w, 3)

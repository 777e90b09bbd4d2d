"""Pixels that change their places with near ones."""

import numpy as np

from reliseg.corruptions.compiled.philox import U8, U32, words
from reliseg.runtime.arithmetic import I32
from reliseg.runtime.numba_compile import exact_njit
from reliseg.types import Image, UInt64


@exact_njit
def shuffle(image: Image, reach: int, rounds: int, key: UInt64[np.ndarray, "4"]) -> Image:
    """Return the image with each pixel replaced by one at most `reach` away, from the last pixel to the first.

    The published code swaps two views of one array, which copies the second pixel and loses the first: so does this.
    """
    h, w = image.shape[0], image.shape[1]
    packed = np.empty((h, w), U32)
    for y in range(h):
        for x in range(w):
            packed[y, x] = U32(image[y, x, 0]) | U32(image[y, x, 1]) << U32(8) | U32(image[y, x, 2]) << U32(16)
    u = np.empty((w + 3) // 4 * 4, U32)
    flat, at = packed.ravel(), np.empty(w, I32)
    for i in range(rounds):
        for y in range(h - reach, reach, -1):
            words(key, y + i * h, u)
            for x in range(w):
                dx = I32((u[x] & U32(0xFFFF)) * U32(2 * reach) >> U32(16))
                dy = I32((u[x] >> U32(16)) * U32(2 * reach) >> U32(16))
                at[x] = I32(I32(dy - I32(reach)) * I32(w)) + I32(dx - I32(reach))
            for x in range(w - reach, reach, -1):
                j = y * w + x
                flat[j] = flat[j + at[x]]
    out = np.empty_like(image)
    for y in range(h):
        for x in range(w):
            p = packed[y, x]
            out[y, x, 0], out[y, x, 1], out[y, x, 2] = U8(p & U32(255)), U8(p >> U32(8) & U32(255)), U8(p >> U32(16))
    return out

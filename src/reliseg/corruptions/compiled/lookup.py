"""Bytes that depend on a pixel's own bytes alone."""

import numpy as np

from reliseg.runtime.arithmetic import I64
from reliseg.runtime.numba_compile import exact_njit
from reliseg.types import Image, Int64, UInt8


@exact_njit
def by_channel(image: Image, table: UInt8[np.ndarray, "3 256"]) -> Image:
    """Return the image with each byte looked up in its channel's row."""
    out = np.empty_like(image)
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            for c in range(3):
                out[y, x, c] = table[c, image[y, x, c]]
    return out


@exact_njit
def by_largest(image: Image, table: UInt8[np.ndarray, "256 256"]) -> Image:
    """Return the image with each byte looked up in the row of its pixel's largest byte."""
    out = np.empty_like(image)
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            r, g, b = image[y, x, 0], image[y, x, 1], image[y, x, 2]
            m = max(r, max(g, b))
            out[y, x, 0], out[y, x, 1], out[y, x, 2] = table[m, r], table[m, g], table[m, b]
    return out


@exact_njit
def channel_sums(image: Image) -> Int64[np.ndarray, "3"]:
    """Return the sum of each channel."""
    sums = np.zeros(3, I64)
    for y in range(image.shape[0]):
        a = b = c = I64(0)
        for x in range(image.shape[1]):
            a += image[y, x, 0]
            b += image[y, x, 1]
            c += image[y, x, 2]
        sums[0] += a
        sums[1] += b
        sums[2] += c
    return sums

"""Noise on bytes: whatever its formula, it is a table of P(byte out | byte in), and Walker's aliases draw from it."""

import numpy as np

from reliseg.corruptions.compiled.philox import U8, U32, words
from reliseg.runtime.arithmetic import U64
from reliseg.runtime.numba_compile import exact_njit
from reliseg.types import Float64, Image, UInt32, UInt64

_UNIT = 1 << 23


@exact_njit
def aliases(chances: Float64[np.ndarray, "256 256"]) -> UInt32[np.ndarray, "256 256"]:
    """Return P(out | in) as a table: slot k of a row is k below a threshold of 2**23, else its alias (Walker 1977)."""
    table = np.empty((256, 256), U32)
    for v in range(256):
        q = chances[v] * 256
        small, large = [k for k in range(256) if q[k] < 1], [k for k in range(256) if q[k] >= 1]
        for k in range(256):
            table[v, k] = U32(_UNIT << 8 | k)
        while len(small) and len(large):
            s, most = small.pop(), large[-1]
            table[v, s] = U32(U64(q[s] * _UNIT + 0.5) << U64(8) | U64(most))
            q[most] -= 1 - q[s]
            if q[most] < 1:
                small.append(large.pop())
    return table


@exact_njit
def noise(image: Image, table: UInt32[np.ndarray, "256 256"], key: UInt64[np.ndarray, "4"]) -> Image:
    """Return the image with each byte drawn anew by a table of aliases: one word a byte."""
    h, w = image.shape[0], image.shape[1]
    out, u = np.empty_like(image), np.empty((3 * w + 3) // 4 * 4, U32)
    for y in range(h):
        words(key, y, u)
        for x in range(w):
            for c in range(3):
                r = u[U64(3 * x + c)]
                slot = r >> U32(24)
                entry = table[image[y, x, c], slot]
                keeps = ((r & U32(0xFFFFFF)) >> U32(1)) < (entry >> U32(8))
                out[y, x, c] = U8(slot) if keeps else U8(entry & U32(255))
    return out

"""Random words by counters: any row of an image has its own, in whatever order rows are asked for."""

import numpy as np

from reliseg.runtime.arithmetic import U64
from reliseg.runtime.numba_compile import exact_njit
from reliseg.types import UInt32, UInt64

U8, U32 = np.uint8, np.uint32


@exact_njit
def words(key: UInt64[np.ndarray, "4"], row: int, out: UInt32[np.ndarray, " n"]) -> None:
    """Fill `out`, of a multiple of four entries, by Philox 4x32-10 (Salmon et al., SC 2011).

    The counter is (i, row, two words of the key). A counter's four words lie a quarter of `out` apart: so stores are
    plain, and eight counters advance at once.
    """
    n, low = U64(len(out) // 4), U64(0xFFFFFFFF)
    for i in range(n):
        a, b, c, d, k, m = i, U64(row), key[2], key[3], key[0], key[1]
        for _ in range(10):
            p, q = a * U64(0xD2511F53), c * U64(0xCD9E8D57)
            a, b, c, d = (q >> U64(32)) ^ b ^ k, q & low, (p >> U64(32)) ^ d ^ m, p & low
            k, m = (k + U64(0x9E3779B9)) & low, (m + U64(0xBB67AE85)) & low
        out[i], out[i + n], out[i + n + n], out[i + n + n + n] = U32(a), U32(b), U32(c), U32(d)

"""A blur along a line: rows that are shifted and added up."""

from typing import NamedTuple

import numpy as np

from reliseg.corruptions.compiled.philox import U8
from reliseg.runtime.arithmetic import I32, U64
from reliseg.runtime.numba_compile import exact_njit
from reliseg.types import Int32, Int64, UInt8

_TILE = 512


class Line(NamedTuple):
    """Taps of whole pixels, with weights that add up to 2**15."""

    taps: Int64[np.ndarray, "k 2"]
    """Row and column."""
    weights: Int32[np.ndarray, " k"]
    start: int
    """What is added before the sum is rounded down, in units of 2**-15: half of them rounds to the nearest."""


@exact_njit
def along(p: UInt8[np.ndarray, "r n"], m: int, line: Line, h: int, width: int, step: int) -> UInt8[np.ndarray, "h w"]:
    """Return `h` rows of `width` bytes from padded ones, with a margin of `m` pixels of `step` bytes."""
    out = np.empty((h, width), U8)
    tile = U64(_TILE)
    acc = np.empty(tile, I32)
    for y in range(h):
        for b in range(U64(0), U64(width), tile):
            n = min(tile, U64(width) - b)
            for i in range(n):
                acc[i] = I32(line.start)
            for k in range(len(line.weights)):
                row, o = p[y + m - line.taps[k, 0]], U64((m - line.taps[k, 1]) * step) + b
                f = I32(line.weights[k] & I32(0x7FFF))
                for i in range(n):
                    acc[i] = I32(acc[i] + I32(I32(row[o + i]) * f))
            for i in range(n):
                out[y, b + i] = U8(acc[i] >> I32(15))
    return out

"""Fixed-point units and bins, in arithmetic that LLVM can vectorise.

numba widens every sum of 32-bit integers to 64 bits; the many `I32(...)` keep them narrow.
"""

import numpy as np

from reliseg.runtime.arithmetic import F32, I32, I64, U64, bits, bits64
from reliseg.runtime.numba_compile import inline_njit
from reliseg.stats.bins import MANTISSA, RELIABILITY_BINS, SET_MANTISSA, edges

_ROUND64 = 1.5 * 2**52
_ROUND64_BITS = I64(np.float64(_ROUND64).view(np.int64))
_UNIT = float(1 << 24)
EDGES = edges().astype(F32)


@inline_njit
def units(x: F32) -> I64:
    """Return x in units of 2**-24, rounded to nearest; |x| < 2**27."""
    return I64(bits64(np.float64(x) * _UNIT + _ROUND64) - _ROUND64_BITS)


@inline_njit
def unit(p: F32) -> I32:
    """Return a probability in units of 2**-24, rounded to nearest."""
    return I32(np.rint(p * F32(_UNIT)))


@inline_njit
def reliability_bin(p: F32) -> I32:
    """Return the right-closed bin of a probability above 0; anything else gets some bin inside the table."""
    bin_ = I32(0)
    for edge in range(U64(1), U64(RELIABILITY_BINS)):  # a look into a table would not be vectorised
        bin_ = I32(bin_ + I32(p > EDGES[edge]))
    return bin_


@inline_njit
def octaves(x: F32, low: I32, last: I32) -> I32:
    """Return the bin of x >= 0 by its leading bits: 0 below 2**low, then 2**MANTISSA bins an octave, up to `last`."""
    i = I32(I32(bits(x) >> I32(23 - MANTISSA)) - I32(I32(low + 127) << I32(MANTISSA)) + I32(1))
    i = i if i > I32(0) else I32(0)
    return i if i < last else last


@inline_njit
def set_bin(p: F32) -> I32:
    """Return the bin of a probability in (0, 1/2] by its odds; `SET_BINS` or more is none."""
    odds = (F32(1) - p) / p
    i = I32(I32(bits(odds) >> I32(23 - SET_MANTISSA)) - I32(127 << SET_MANTISSA))
    return i if i > I32(0) else I32(0)

"""Arithmetic of the GPU's kernel: the polynomials and bins of the CPU's (`runtime.arithmetic`, `kernels.cpu.binning`).

The device's own exponential, logarithm and division are not used: their errors differ between devices, and reach the
fine bins. Only what `fma` says is contracted (the kernel is launched so): every GPU gives the same bits, whatever else
is compiled with it. Constants stand to the right of tensors: on the left Triton's interpreter does not know them.
"""

import numpy as np
import triton
import triton.language as tl

from reliseg.stats.bins import MANTISSA, RELIABILITY_BINS, SET_MANTISSA

_BINS = tl.constexpr(RELIABILITY_BINS)
_FINE_SHIFT, _SET_SHIFT = tl.constexpr(23 - MANTISSA), tl.constexpr(23 - SET_MANTISSA)
_EVEN_ODDS = tl.constexpr(127 << SET_MANTISSA)
_MANTISSA = tl.constexpr(MANTISSA)
_LOG2E = tl.constexpr(float(np.float32(np.log2(np.e))))
_LN2 = tl.constexpr(float(np.float32(np.log(2))))
_LOWEST = tl.constexpr(-87.3)  # exp(-87.3) is about 2**-126, the least normal float
_ROUND = tl.constexpr(1.5 * 2**23)  # adding it leaves a float rounded to an integer in the low bits of the sum
_WHOLE = tl.constexpr(float(2**23))  # from here on a float32 is an integer
_UNIT = tl.constexpr(float(1 << 24))
_SQRT_HALF = tl.constexpr(0x3F3504F3)


@triton.jit
def exp(x):
    """Return exp of x <= 0: exactly 1 at 0, at least 2**-126."""
    x = tl.where(x > _LOWEST, x, _LOWEST)
    rounded = tl.fma(x, _LOG2E, _ROUND)
    f = tl.fma(x, _LOG2E, -(rounded - _ROUND))
    p = tl.full(x.shape, 0.00132647, tl.float32)
    p = tl.fma(p, f, 0.00967151)
    p = tl.fma(p, f, 0.05550734)
    p = tl.fma(p, f, 0.24022242)
    p = tl.fma(p, f, 0.69314698)
    p = tl.fma(p, f, 1.0)
    exponent = rounded.to(tl.int32, bitcast=True) << 23
    return (p.to(tl.int32, bitcast=True) + exponent).to(tl.float32, bitcast=True)


@triton.jit
def log(u):
    """Return the natural logarithm of a number >= 1."""
    pattern = u.to(tl.int32, bitcast=True)
    exponent = (pattern - _SQRT_HALF) >> 23
    x = (pattern - (exponent << 23)).to(tl.float32, bitcast=True) - 1.0
    p = tl.full(x.shape, 7.0376836292e-2, tl.float32)
    p = tl.fma(p, x, -1.1514610310e-1)
    p = tl.fma(p, x, 1.1676998740e-1)
    p = tl.fma(p, x, -1.2420140846e-1)
    p = tl.fma(p, x, 1.4249322787e-1)
    p = tl.fma(p, x, -1.6668057665e-1)
    p = tl.fma(p, x, 2.0000714765e-1)
    p = tl.fma(p, x, -2.4999993993e-1)
    p = tl.fma(p, x, 3.3333331174e-1)
    square = x * x
    return (p * x * square - 0.5 * square) + x + exponent.to(tl.float32) * _LN2


@triton.jit
def units(x):
    """Return x in units of 2**-24 as float32, rounded to nearest, ties to even. Multiplying by 2**24 is exact."""
    y = x * _UNIT
    size = tl.abs(y)
    size = tl.where(size < _WHOLE, (size + _WHOLE) - _WHOLE, size)
    return tl.where(y < 0, -size, size)


@triton.jit
def reliability_bin(p, edges):
    """Return the right-closed bin of a probability above 0; anything else gets some bin inside the table."""
    y = p * _BINS
    y = tl.where(y > 0.5, y, 0.5)
    y = tl.where(y < _BINS, y, _BINS)
    # At an edge the product may round up to it, never down from it: one comparison settles the bin.
    guess = y.to(tl.int32)
    place = guess - (p <= tl.load(edges + guess)).to(tl.int32)
    return tl.minimum(tl.maximum(place, 0), _BINS - 1)


@triton.jit
def octaves(x, low, last):
    """Return the bin of x >= 0 by its leading bits: 0 below 2**low, then 2**MANTISSA bins an octave, up to `last`."""
    i = (x.to(tl.int32, bitcast=True) >> _FINE_SHIFT) - ((low + 127) << _MANTISSA) + 1
    return tl.minimum(tl.maximum(i, 0), last)


@triton.jit
def set_bin(p):
    """Return the bin of a probability in (0, 1/2] by its odds; `SET_BINS` or more is none."""
    odds = tl.div_rn(1.0 - p, p)
    return tl.maximum((odds.to(tl.int32, bitcast=True) >> _SET_SHIFT) - _EVEN_ODDS, 0)

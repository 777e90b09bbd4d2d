"""Arithmetic of the fused kernel: exponential, logarithm, rounding and bins that LLVM can vectorise.

No libm call and no float-integer conversion is used where the bits of a float will do. numba widens every
sum of 32-bit integers to 64 bits; the many `I(...)` keep them narrow.
"""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from reliseg.stats.bins import MANTISSA, RELIABILITY_BINS, edges

Function = TypeVar("Function", bound=Callable[..., Any])

I, L, U, F = np.int32, np.int64, np.uint64, np.float32

# `contract` permits fused multiply-add. Not `reassoc`: it would delete the additions that round in `exp` and
# `units`; and as no floats are summed over pixels, nothing else would gain by it.
_OPTIONS: dict[str, Any] = {"fastmath": {"contract"}, "error_model": "numpy", "nogil": True}


def compiled(function: Function, **options: Any) -> Function:
    """A function for numba to compile (and only then; without the shape checks that tests may put round it)."""
    return cast(Function, njit(**_OPTIONS, **options)(inspect.unwrap(function)))


def inlined(function: Function) -> Function:
    """The same, written out where it is called, so that the loop round it vectorises."""
    return compiled(function, inline="always")


def _reinterpret(source: Any, target: Any, llvm: ir.Type) -> Any:
    """An intrinsic that reads the bits of a number as another type, in the register."""

    def typing(context: Any, x: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], llvm)

        return (target(source), code) if x == source else None

    return intrinsic(typing)


bits = _reinterpret(types.float32, types.int32, ir.IntType(32))
from_bits = _reinterpret(types.int32, types.float32, ir.FloatType())
_bits64 = _reinterpret(types.float64, types.int64, ir.IntType(64))


def _trailing_zeros(context: Any, x: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return (types.int32(types.int32), code) if x == types.int32 else None


lowest_bit = intrinsic(_trailing_zeros)
"""The place of the lowest set bit of an int32 that is not 0."""

_LOG2E = F(np.log2(np.e))
_LN2 = F(np.log(2))
_LOWEST = F(-87.3)  # exp(-87.3) is about 2**-126, the least normal float
_ROUND = F(1.5 * 2**23)  # adding it leaves a float rounded to an integer in the low bits of the sum
_ROUND64 = 1.5 * 2**52
_ROUND64_BITS = L(np.float64(_ROUND64).view(np.int64))
_UNIT = float(1 << 24)
_EDGES = edges().astype(F)
_SQRT_HALF = I(0x3F3504F3)
_ONE = I(0x3F800000)


@inlined
def exp(x: F) -> F:
    """exp of x <= 0 to 2e-7 of its value; exactly 1 at 0; 2**-126 for all that is less."""
    x = x if x > _LOWEST else _LOWEST
    rounded = x * _LOG2E + _ROUND
    f = x * _LOG2E - (rounded - _ROUND)
    p = F(0.00132647)
    p = p * f + F(0.00967151)
    p = p * f + F(0.05550734)
    p = p * f + F(0.24022242)
    p = p * f + F(0.69314698)
    p = p * f + F(1.0)
    return from_bits(I(bits(p) + I(bits(rounded) << I(23))))


@inlined
def log(u: F) -> F:
    """The natural logarithm of a positive normal float (the polynomial of Cephes' logf)."""
    exponent = I(I(bits(u) - _SQRT_HALF) >> I(23))
    x = from_bits(I(bits(u) - I(exponent << I(23)))) - F(1)
    p = F(7.0376836292e-2)
    p = p * x + F(-1.1514610310e-1)
    p = p * x + F(1.1676998740e-1)
    p = p * x + F(-1.2420140846e-1)
    p = p * x + F(1.4249322787e-1)
    p = p * x + F(-1.6668057665e-1)
    p = p * x + F(2.0000714765e-1)
    p = p * x + F(-2.4999993993e-1)
    p = p * x + F(3.3333331174e-1)
    square = x * x
    return (p * x * square - F(0.5) * square) + x + F(exponent) * _LN2


@inlined
def units(x: F) -> L:
    """x in units of 2**-24, rounded to nearest; |x| < 2**27."""
    return L(_bits64(np.float64(x) * _UNIT + _ROUND64) - _ROUND64_BITS)


@inlined
def unit(p: F) -> I:
    """The same for a probability."""
    return I(np.rint(p * F(_UNIT)))


@inlined
def reliability(p: F) -> I:
    """The right-closed bin of a probability above 0 (or of a NaN: some bin, so that no table is left)."""
    y = p * F(RELIABILITY_BINS)
    y = y if y > F(0.5) else F(0.5)
    y = y if y < F(RELIABILITY_BINS) else F(RELIABILITY_BINS)
    # At an edge the product may round up to it, never down from it: one comparison settles the bin.
    bin_ = I(y)
    on_edge = I(bin_ > I(0)) & I(p <= _EDGES[U(bin_)])
    return I(bin_ - on_edge)


@inlined
def octaves(x: F, low: I, last: I) -> I:
    """The leading bits of x >= 0: 0 below 2**low, then 2**MANTISSA bins an octave, `last` at the end."""
    i = I(I(bits(x) >> I(23 - MANTISSA)) - I(I(low + 127) << I(MANTISSA)) + I(1))
    i = i if i > I(0) else I(0)
    return i if i < last else last

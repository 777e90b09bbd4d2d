"""Arithmetic that LLVM can vectorise: exponential, logarithm, and the bits of numbers.

No libm call and no float-integer conversion is used where the bits of a float will do. numba widens every
sum of 32-bit integers to 64 bits; the many `I32(...)` keep them narrow.
"""

from typing import Any, TypeAlias

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from reliseg.runtime.numba_compile import inline_njit

I32: TypeAlias = np.int32
I64: TypeAlias = np.int64
U64: TypeAlias = np.uint64
F32: TypeAlias = np.float32


def _reinterpret(source: Any, target: Any, llvm: ir.Type) -> Any:
    """Return an intrinsic that reads the bits of a number as another type, in the register."""

    def typing(context: Any, x: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], llvm)

        return (target(source), code) if x == source else None

    return intrinsic(typing)


bits = _reinterpret(types.float32, types.int32, ir.IntType(32))
from_bits = _reinterpret(types.int32, types.float32, ir.FloatType())
bits64 = _reinterpret(types.float64, types.int64, ir.IntType(64))
from_bits64 = _reinterpret(types.int64, types.float64, ir.DoubleType())


def _multiply_add(context: Any, a: Any, b: Any, c: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float32(types.float32, types.float32, types.float32), code


fma = intrinsic(_multiply_add)
"""a b + c of float32, rounded once. LLVM contracts by itself only products that have one use."""


def _selection(context: Any, condition: Any, a: Any, b: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.select(*arguments)

    return (a(types.boolean, a, a), code) if condition == types.boolean and a == b else None


choose = intrinsic(_selection)
"""The second where the first is true, else the third; both are computed.

Of `a if c else b` numba makes a branch, into which LLVM moves what only it needs: reads and writes become masked ones,
which take ten times as long on some processors, and much is not vectorised at all.
"""
ZERO = np.float32(0)
"""Added to a number that may be written back to where it was read: else that becomes a masked write all the same."""

_LOG2E = F32(np.log2(np.e))
_LN2 = F32(np.log(2))
_LOWEST = F32(-87.3)  # exp(-87.3) is about 2**-126, the least normal float
_ROUND = F32(1.5 * 2**23)  # adding it leaves a float rounded to an integer in the low bits of the sum
_SQRT_HALF = I32(0x3F3504F3)


@inline_njit
def exp(x: F32) -> F32:
    """Return exp of x <= 0, within (2 + |x| / 6) 1e-7 of its value; exactly 1 at 0; 2**-126 for all that is less."""
    x = x if x > _LOWEST else _LOWEST
    rounded = fma(x, _LOG2E, _ROUND)
    f = fma(x, _LOG2E, _ROUND - rounded)
    p = F32(0.00132647)
    p = p * f + F32(0.00967151)
    p = p * f + F32(0.05550734)
    p = p * f + F32(0.24022242)
    p = p * f + F32(0.69314698)
    p = p * f + F32(1.0)
    return from_bits(I32(bits(p) + I32(bits(rounded) << I32(23))))


@inline_njit
def log(u: F32) -> F32:
    """Return the natural logarithm of a number >= 1, within 1e-7 of its value."""
    return log_of_scaled(u, I32(0))


@inline_njit
def log_of_scaled(u: F32, scale: I32) -> F32:
    """Return the natural logarithm of u / 2**scale, within 1e-7 of its value (the polynomial of Cephes' logf).

    u is a normal positive number, so u / 2**scale may be one that float32 holds with fewer digits, or not at all.
    """
    exponent = I32(I32(bits(u) - _SQRT_HALF) >> I32(23))
    x = from_bits(I32(bits(u) - I32(exponent << I32(23)))) - F32(1)
    p = F32(7.0376836292e-2)
    p = p * x + F32(-1.1514610310e-1)
    p = p * x + F32(1.1676998740e-1)
    p = p * x + F32(-1.2420140846e-1)
    p = p * x + F32(1.4249322787e-1)
    p = p * x + F32(-1.6668057665e-1)
    p = p * x + F32(2.0000714765e-1)
    p = p * x + F32(-2.4999993993e-1)
    p = p * x + F32(3.3333331174e-1)
    square = x * x
    return (p * x * square - F32(0.5) * square) + x + F32(I32(exponent - scale)) * _LN2

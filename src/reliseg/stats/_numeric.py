"""Arithmetic of the fused kernel: exponential, logarithm, rounding and bins that LLVM can vectorise.

No libm call and no float-integer conversion is used where the bits of a float will do. numba widens every
sum of 32-bit integers to 64 bits; the many `I32(...)` keep them narrow.
"""

import hashlib
import inspect
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import CellType, FunctionType
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from reliseg.stats.bins import MANTISSA, RELIABILITY_BINS, edges
from reliseg.stats.machine_code import KeptCode, check_compiler

Function = TypeVar("Function", bound=Callable[..., Any])

I32: TypeAlias = np.int32
I64: TypeAlias = np.int64
U64: TypeAlias = np.uint64
F32: TypeAlias = np.float32

# `contract` permits fused multiply-add. Not `reassoc`: it would delete the additions that round in `exp` and
# `units`; and as no floats are summed over pixels, nothing else would gain by it.
_OPTIONS: dict[str, Any] = {"fastmath": {"contract"}, "error_model": "numpy", "nogil": True}


def compiled(function: Function) -> Function:
    """A function for numba to compile (and only then; without the shape checks that tests may put round it).

    LLVM writes it out where it is called: to hand over ten words for each array took an eighth of the kernel's time.
    """
    return cast(Function, njit(**_OPTIONS, forceinline=True)(inspect.unwrap(function)))


def cached(function: Function) -> Function:
    """The same for what Python calls: machine code is kept on disk.

    Beside the source, else in the user's cache folder, else (nothing can be written) not. ConfigError where numba is
    told not to compile: so no module of kernels can be imported then.
    """
    check_compiler()
    found: Any = njit(**_OPTIONS)(_keyed(inspect.unwrap(function)))
    with suppress(RuntimeError):
        found._cache = KeptCode(found.py_func)
    return cast(Function, found)


def _keyed(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with one more value that it closes over: the digest of all sources that it may be made of.

    numba compares the bytes of the function, what it closes over, and the age of its file; not those of the functions
    that are written out in it, so that an edit or an update of these alone would leave the old machine code in use.
    """
    code = function.__code__
    digest = hashlib.sha256()
    for folder in sorted({Path(__file__).parent, Path(code.co_filename).parent}):
        for source in sorted(folder.glob("*.py")):
            digest.update(source.read_bytes())
    found = FunctionType(
        code.replace(co_freevars=(*code.co_freevars, "_sources")),
        function.__globals__,
        function.__name__,
        function.__defaults__,
        (*(function.__closure__ or ()), CellType(digest.hexdigest())),
    )
    found.__qualname__, found.__doc__ = function.__qualname__, function.__doc__
    return found


def _reinterpret(source: Any, target: Any, llvm: ir.Type) -> Any:
    """An intrinsic that reads the bits of a number as another type, in the register."""

    def typing(context: Any, x: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], llvm)

        return (target(source), code) if x == source else None

    return intrinsic(typing)


bits = _reinterpret(types.float32, types.int32, ir.IntType(32))
from_bits = _reinterpret(types.int32, types.float32, ir.FloatType())
bits64 = _reinterpret(types.float64, types.int64, ir.IntType(64))
from_bits64 = _reinterpret(types.int64, types.float64, ir.DoubleType())


def _fused(context: Any, a: Any, b: Any, c: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float32(types.float32, types.float32, types.float32), code


fma = intrinsic(_fused)
"""a b + c of float32, rounded once. LLVM contracts by itself only products that have one use."""

_LOG2E = F32(np.log2(np.e))
_LN2 = F32(np.log(2))
_LOWEST = F32(-87.3)  # exp(-87.3) is about 2**-126, the least normal float
_ROUND = F32(1.5 * 2**23)  # adding it leaves a float rounded to an integer in the low bits of the sum
_ROUND64 = 1.5 * 2**52
_ROUND64_BITS = I64(np.float64(_ROUND64).view(np.int64))
_UNIT = float(1 << 24)
EDGES = edges().astype(F32)
_SQRT_HALF = I32(0x3F3504F3)


@compiled
def exp(x: F32) -> F32:
    """exp of x <= 0, within (2 + |x| / 6) 1e-7 of its value; exactly 1 at 0; 2**-126 for all that is less."""
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


@compiled
def log(u: F32) -> F32:
    """The natural logarithm of a number >= 1, within 1e-7 of its value (the polynomial of Cephes' logf)."""
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
    return (p * x * square - F32(0.5) * square) + x + F32(exponent) * _LN2


@compiled
def units(x: F32) -> I64:
    """x in units of 2**-24, rounded to nearest; |x| < 2**27."""
    return I64(bits64(np.float64(x) * _UNIT + _ROUND64) - _ROUND64_BITS)


@compiled
def unit(p: F32) -> I32:
    """The same for a probability."""
    return I32(np.rint(p * F32(_UNIT)))


@compiled
def reliability(p: F32) -> I32:
    """The right-closed bin of a probability above 0 (of anything else some bin, so that no table is left)."""
    y = p * F32(RELIABILITY_BINS)
    y = y if y > F32(0.5) else F32(0.5)
    y = y if y < F32(RELIABILITY_BINS) else F32(RELIABILITY_BINS)
    # At an edge the product may round up to it, never down from it: one comparison settles the bin.
    guess = I32(y)
    bin_ = I32(guess - I32(p <= EDGES[U64(guess)]))
    bin_ = bin_ if bin_ > I32(0) else I32(0)
    return bin_ if bin_ < I32(RELIABILITY_BINS) else I32(RELIABILITY_BINS - 1)


@compiled
def octaves(x: F32, low: I32, last: I32) -> I32:
    """The leading bits of x >= 0: 0 below 2**low, then 2**MANTISSA bins an octave, `last` at the end."""
    i = I32(I32(bits(x) >> I32(23 - MANTISSA)) - I32(I32(low + 127) << I32(MANTISSA)) + I32(1))
    i = i if i > I32(0) else I32(0)
    return i if i < last else last

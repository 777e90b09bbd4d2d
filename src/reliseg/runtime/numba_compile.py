"""Functions that numba compiles: those that are inlined in others, and those that Python calls."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from types import CellType, FunctionType
from typing import Any, TypeVar, cast

from numba import njit

from reliseg.runtime.numba_cache import TolerantCache, check_compiler

Function = TypeVar("Function", bound=Callable[..., Any])

_EXACT: dict[str, Any] = {"error_model": "numpy", "nogil": True}
# `contract` permits fused multiply-add. Not `reassoc`: it would delete the additions that round in `exp` and
# `units`; and as no floats are summed over pixels, nothing else would gain by it.
_OPTIONS: dict[str, Any] = _EXACT | {"fastmath": {"contract"}}

_ROOMS = [Path(__file__).parents[1] / room for room in ("runtime", "stats", "stats/filled", "kernels/cpu")]
"""The folders, beside a function's own, of all functions and constants that it may use."""


def inline_njit(function: Function) -> Function:
    """Let numba compile a function, inlined where compiled code calls it.

    A call passes ten words for each array, which took an eighth of the kernel's time.
    """
    return cast(Function, njit(**_OPTIONS, forceinline=True)(function))


def inline_exact_njit(function: Function) -> Function:
    """Let numba compile a function as `inline_njit` does, every operation rounded as it is written."""
    return cast(Function, njit(**_EXACT, forceinline=True)(function))


def cached_njit(function: Function) -> Function:
    """Let numba compile a function that Python calls, and store its machine code on disk.

    It is stored beside the source, else in the user's cache folder, else (nothing can be written) nowhere. A
    ConfigError if numba is told not to compile: no module of kernels can be imported then.
    """
    return _cached(function, _OPTIONS)


def exact_njit(function: Function) -> Function:
    """Let numba compile a function as `cached_njit` does, every operation rounded as it is written.

    A fused multiply-add rounds once where other processors round twice; without it the bits are equal on all of them.
    """
    return _cached(function, _EXACT)


def _cached(function: Function, options: dict[str, Any]) -> Function:
    check_compiler()
    dispatcher: Any = njit(**options)(_with_source_digest(function))
    with suppress(RuntimeError):
        dispatcher._cache = TolerantCache(dispatcher.py_func)
    return cast(Function, dispatcher)


def _with_source_digest(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with one more value in its closure: the digest of all sources that it may be made of.

    numba's key of stored code has the bytes of the function, its closure, and the age of its file; nothing of the
    functions that are inlined in it. After an edit or an update of these alone the old code would stay in use.
    """
    code = function.__code__
    digest = _digest_of_sources(tuple(sorted({*_ROOMS, Path(code.co_filename).parent})))
    copy = FunctionType(
        code.replace(co_freevars=(*code.co_freevars, "_sources")),
        function.__globals__,
        function.__name__,
        function.__defaults__,
        (*(function.__closure__ or ()), CellType(digest)),
    )
    copy.__qualname__, copy.__doc__ = function.__qualname__, function.__doc__
    return copy


@lru_cache
def _digest_of_sources(folders: tuple[Path, ...]) -> str:
    """Return a digest of all sources in some folders: of many functions, made once."""
    digest = hashlib.sha256()
    for folder in folders:
        for source in sorted(folder.glob("*.py")):
            digest.update(source.read_bytes())
    return digest.hexdigest()

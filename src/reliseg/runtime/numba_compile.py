"""Functions that numba compiles: those that are written out in others, and those that Python calls."""

import hashlib
import inspect
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import CellType, FunctionType
from typing import Any, TypeVar, cast

from numba import njit

from reliseg.runtime.numba_cache import TolerantCache, check_compiler

Function = TypeVar("Function", bound=Callable[..., Any])

# `contract` permits fused multiply-add. Not `reassoc`: it would delete the additions that round in `exp` and
# `units`; and as no floats are summed over pixels, nothing else would gain by it.
_OPTIONS: dict[str, Any] = {"fastmath": {"contract"}, "error_model": "numpy", "nogil": True}

_ROOMS = [Path(__file__).parents[1] / room for room in ("runtime", "stats", "kernels/cpu")]
"""The folders that compiled functions take others and constants from, beside their own."""


def inline_njit(function: Function) -> Function:
    """A function for numba to compile (and only then; without the shape checks that tests may put round it).

    LLVM writes it out where it is called: to hand over ten words for each array took an eighth of the kernel's time.
    """
    return cast(Function, njit(**_OPTIONS, forceinline=True)(inspect.unwrap(function)))


def cached_njit(function: Function) -> Function:
    """The same for what Python calls: machine code is kept on disk.

    Beside the source, else in the user's cache folder, else (nothing can be written) not. ConfigError where numba is
    told not to compile: so no module of kernels can be imported then.
    """
    check_compiler()
    found: Any = njit(**_OPTIONS)(_with_source_digest(inspect.unwrap(function)))
    with suppress(RuntimeError):
        found._cache = TolerantCache(found.py_func)
    return cast(Function, found)


def _with_source_digest(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with one more value that it closes over: the digest of all sources that it may be made of.

    numba compares the bytes of the function, what it closes over, and the age of its file; not those of the functions
    that are written out in it, so that an edit or an update of these alone would leave the old machine code in use.
    """
    code = function.__code__
    digest = hashlib.sha256()
    for folder in sorted({*_ROOMS, Path(code.co_filename).parent}):
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

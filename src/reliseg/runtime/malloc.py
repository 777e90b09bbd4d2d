"""The process's memory: what a network frees after an image, it takes again with the next one.

Left to itself, glibc maps every array above 32 MB anew and gives it back when it is freed; on other threads than the
first, every one above 64 MB, whatever is set. The system then clears each page again for each image, which took half
of the time of SegFormer-B0 on a CPU. The settings are those of the whole process: the command makes them, a program
that uses the package has to ask for them by `tune_malloc`.
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Their numbers in malloc.h."""
_NEVER = -1
_LARGEST = 256 << 20
"""Bytes of an array that is kept. Larger ones fit no free place but their own: kept as well, they took a quarter more
memory at two megapixels, and at most a sixth less time."""
_ADAPTED = 32 << 20
"""Where glibc's own threshold ends that adapts to a program; it trims at twice as much."""

_lock = Lock()
_open = 0
"""How many keep memory now: threads of one process may run at once."""
_may_set = False
"""Whether the process has asked for malloc to be set."""


def tune_malloc() -> None:
    """Let reliseg set malloc (glibc's) of this process: a run then keeps the memory that a network frees.

    Call it before a network is loaded and before threads are started: those that start from now on share the first
    one's heap, which alone can hold large arrays. That is for good, as glibc looks at its limit once; the sizes from
    which memory is given back change while images are predicted. Nothing happens where malloc is not glibc's, or
    where the environment sets it (`MALLOC_..`, `GLIBC_TUNABLES`).
    """
    global _may_set
    _may_set = True
    _set(_ARENA_MAX, 1)


@contextmanager
def keep_freed_memory() -> Iterator[None]:
    """Within, arrays of up to 256 MB are taken from memory that the process has already; after, the system has it back.

    glibc before version 2.35 refuses so large a size: there it is 32 MB. Nothing is set without `tune_malloc`.
    """
    global _open
    with _lock:
        _open += 1
        if not _set(_MMAP_THRESHOLD, _LARGEST):
            _set(_MMAP_THRESHOLD, _ADAPTED)
        _set(_TRIM_THRESHOLD, _NEVER)
    try:
        yield
    finally:
        with _lock:
            _open -= 1
            if not _open:
                _set(_MMAP_THRESHOLD, _ADAPTED)
                _set(_TRIM_THRESHOLD, 2 * _ADAPTED)
        return_free_memory()


def return_free_memory() -> None:
    """Return what is free to the system.

    Within `keep_freed_memory` that is for where sizes change: what arrays of one size left free fits no others.
    """
    if (library := _glibc()) is not None:
        library.malloc_trim(0)


def _set(parameter: int, value: int) -> bool:
    """Set a parameter of malloc; False where that may not or cannot be."""
    library = _glibc() if _may_set else None
    return library is not None and library.mallopt(parameter, value) == 1


@cache
def _glibc() -> ctypes.CDLL | None:
    """Return the library of malloc if it is glibc and the environment sets nothing of it."""
    if sys.platform != "linux" or any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None

"""Machine code on disk: no state of the disk can turn it into an error, and who waits for a compiler is told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from numba import config
from numba.core import event
from numba.core.caching import FunctionCache, IndexDataCacheFile

from reliseg.errors import ConfigError


class TolerantCache(FunctionCache):  # type: ignore[misc]
    """numba's cache of a function. What cannot be read is compiled anew, what cannot be written is not kept.

    Else a file that was cut off, by a power failure or a full disk, would end every run from then on.
    """

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        locator = self._impl.locator
        self._cache_file = _KeyedFiles(locator.get_cache_path(), self._impl.filename_base, locator.get_source_stamp())

    def load_overload(self, signature: Any, context: Any) -> Any:
        """The code for these types, or None."""
        try:
            return super().load_overload(signature, context)
        except Exception:  # pickle raises anything
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, signature: Any, data: Any) -> None:
        """Keep it, where there is room."""
        with suppress(OSError):
            super().save_overload(signature, data)


class _KeyedFiles(IndexDataCacheFile):  # type: ignore[misc]
    """numba's files, each with the key of its code: types, processor, sources.

    numba writes the index first, then the code, under numbers that start anew with every edit. Where the second was
    never written, the index would give away what lay there before: the code of other sources, or for other types.
    """

    def save(self, key: Any, data: Any) -> None:
        """Keep the code with its key."""
        super().save(key, (key, data))

    def load(self, key: Any) -> Any:
        """The code of this key, or None."""
        found = super().load(key)
        if found is None:
            return None
        held, data = found
        return data if held == key else None


def check_compiler() -> None:
    """ConfigError where numba is told not to compile: kernels are made of instructions that Python has no word for."""
    if config.DISABLE_JIT:
        raise ConfigError("NUMBA_DISABLE_JIT is set, and the kernels cannot run uncompiled; unset it")


@contextmanager
def announce_compilation(tell: Callable[[], None]) -> Iterator[None]:
    """Calls `tell` before the first function is compiled within, in any thread; never where all lie on disk."""
    with event.install_listener("numba:compile", _FirstCompilation(tell)):
        yield


class _FirstCompilation(event.Listener):  # type: ignore[misc]
    def __init__(self, tell: Callable[[], None]) -> None:
        self._waiting = [tell]

    def on_start(self, event: event.Event) -> None:
        while self._waiting:
            self._waiting.pop()()

    def on_end(self, event: event.Event) -> None:
        pass

"""Machine code on disk: no damage to the cache is an error, and a user who waits for the compiler is told why."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from numba import config
from numba.core import event
from numba.core.caching import FunctionCache, IndexDataCacheFile

from reliseg.errors import ConfigError


class TolerantCache(FunctionCache):  # type: ignore[misc]
    """numba's cache of a function: code that cannot be read is compiled anew, code that cannot be written is dropped.

    Without it a file that was cut off, by a power failure or a full disk, would end every later run.
    """

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        locator = self._impl.locator
        self._cache_file = _KeyedFiles(locator.get_cache_path(), self._impl.filename_base, locator.get_source_stamp())

    def load_overload(self, signature: Any, context: Any) -> Any:
        """Return the code for these types, or None."""
        try:
            return super().load_overload(signature, context)
        except Exception:  # pickle raises anything
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, signature: Any, data: Any) -> None:
        """Store the code, if there is room."""
        with suppress(OSError):
            super().save_overload(signature, data)


class _KeyedFiles(IndexDataCacheFile):  # type: ignore[misc]
    """numba's files, each of them with the key of its code: types, processor, sources.

    numba writes the index first and then the code, under a number that starts anew with every edit. If the code was
    never written, the index leads to what lay there before: the code of other sources, or for other types.
    """

    def save(self, key: Any, data: Any) -> None:
        """Store the code with its key."""
        super().save(key, (key, data))

    def load(self, key: Any) -> Any:
        """Return the code of this key, or None."""
        entry = super().load(key)
        if entry is None:
            return None
        stored_key, data = entry
        return data if stored_key == key else None


def check_compiler() -> None:
    """Raise a ConfigError if numba is told not to compile: Python has no form of some of the kernels' instructions."""
    if config.DISABLE_JIT:
        raise ConfigError("NUMBA_DISABLE_JIT is set, and the kernels cannot run uncompiled; unset it")


@contextmanager
def announce_compilation(tell: Callable[[], None]) -> Iterator[None]:
    """Call `tell` before the first function is compiled within, in any thread; never if all code lies on disk."""
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

"""A dictionary that the whole process shares, such as `sys.modules`, while other threads add to it and take from it."""

import gc
import sys
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

_FEWEST, _MOST = 5_000, 10_000
"""Names that are added. Python has 2,000 pairs at hand: while more are listed, garbage may be collected."""


class _Names:
    """Names that are added one by one up to the most, then taken away one by one, and so on."""

    def __init__(self, mapping: MutableMapping[str, Any]) -> None:
        self._mapping, self._rises, self._names = mapping, True, list[str]()
        self._lock = threading.Lock()

    def change(self, *_: Any) -> None:
        if not self._lock.acquire(blocking=False):
            return
        self._rises = len(self._names) < (_MOST if self._rises else _FEWEST)
        if self._rises:
            self._names.append(f"_growing_{len(self._names)}")
            self._mapping[self._names[-1]] = ModuleType("growing")
        else:
            self._mapping.pop(self._names.pop(), None)
        self._lock.release()

    def remove(self) -> None:
        for name in self._names:
            self._mapping.pop(name, None)


@contextmanager
def growing(mapping: MutableMapping[str, Any]) -> Iterator[None]:
    """Let names come and go wherever the interpreter may turn to another thread, also while garbage is collected."""
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    names, done = _Names(mapping), threading.Event()
    for _ in range(_FEWEST):
        names.change()

    def go_on() -> None:
        while not done.is_set():
            names.change()

    thread = threading.Thread(target=go_on)
    gc.callbacks.append(names.change)
    try:
        sys.setswitchinterval(1e-6)
        gc.set_threshold(1, 10**6, 10**6)  # the young alone: all would take long
        thread.start()
        yield
    finally:
        gc.set_threshold(*threshold)
        sys.setswitchinterval(interval)
        done.set()
        thread.join()
        gc.callbacks.remove(names.change)
        names.remove()

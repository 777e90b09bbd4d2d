"""What a user's code prints goes to the error stream: standard output is for tables and results."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

_lock = threading.Lock()


class _Divider:
    """Standard output for all threads but those in a user's code, which write to the error stream.

    Threads that begin in the meantime are the user's: reliseg's own print nothing.
    """

    def __init__(self, stdout: TextIO) -> None:
        self.stdout = stdout
        self.known = {thread.ident for thread in threading.enumerate()}
        self.depths: dict[int, int] = {}
        """How many blocks each thread is in."""

    def write(self, text: str) -> int:
        return self._stream().write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream(), name)

    def _stream(self) -> TextIO:
        thread = threading.get_ident()
        return sys.stderr if thread in self.depths or thread not in self.known else self.stdout

    def enter(self) -> None:
        thread = threading.get_ident()
        self.depths[thread] = self.depths.get(thread, 0) + 1

    def leave(self) -> None:
        thread = threading.get_ident()
        self.depths[thread] -= 1
        if not self.depths[thread]:
            del self.depths[thread]


@contextmanager
def stdout_as_stderr() -> Iterator[None]:
    """Let what this thread prints go to the error stream; what other threads print stays where it is."""
    with _lock:
        divider = sys.stdout if isinstance(sys.stdout, _Divider) else _Divider(sys.stdout)
        sys.stdout = divider
        divider.enter()
    try:
        yield
    finally:
        with _lock:
            divider.leave()
            if not divider.depths and sys.stdout is divider:
                sys.stdout = divider.stdout

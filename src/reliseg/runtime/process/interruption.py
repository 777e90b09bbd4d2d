"""The end of a process by Ctrl-C or SIGTERM: it comes within two seconds, whatever its threads are doing."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn, TypeAlias

_GRACE = 1.0
"""Seconds for the main thread to leave what it does, and for the others to end."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)

LastWords: TypeAlias = Callable[[int], None]
"""Says that the process ends with this exit code, and writes what waits in its streams."""


class Interruption:
    """What has come of signals, and the last words of the process, which are said once."""

    def __init__(self, say: LastWords) -> None:
        self._say = say
        self._ends = threading.Lock()
        self._has_raised = False
        self.number = 0
        """The signal that has come first, or 0."""

    def end(self, code: int) -> NoReturn:
        """End the process; after a signal at once, without waiting for threads that are in a long call."""
        if self.number:
            self._end_hard()
        self._say(code)
        raise SystemExit(code)

    def watch(self, received: socket.socket) -> None:
        """End the process hard some time after the first signal, or at a second one; nothing if none comes."""
        while number := _next_signal(received):
            self.number = self.number or number
            received.settimeout(_GRACE)
            _next_signal(received)
            self._end_hard()

    def raise_once(self, number: int, _: object) -> None:
        """Interrupt the main thread at the first signal; at later ones the process ends by itself."""
        self.number = self.number or number
        if not self._has_raised:
            self._has_raised = True
            raise KeyboardInterrupt

    def _end_hard(self) -> NoReturn:
        code = 128 + self.number
        if self._ends.acquire(timeout=_GRACE):  # and never let go of: another thread that ends it waits here
            speaker = threading.Thread(target=self._say, args=(code,), daemon=True)
            speaker.start()  # where nobody reads what it says, it would wait for ever
            speaker.join(_GRACE / 2)
        os._exit(code)


@contextmanager
def ending_soon(say: LastWords) -> Iterator[Interruption]:
    """Let Ctrl-C and SIGTERM interrupt the main thread, and end the process soon whether it leaves or not.

    All files of a run are whole or not there at any instant, so nothing is lost that was finished.
    """
    interruption = Interruption(say)
    received, sender = socket.socketpair()
    sender.setblocking(False)
    handled = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interruption.raise_once) for number in handled}
    wakeup = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    watcher = threading.Thread(target=interruption.watch, args=(received,), daemon=True)
    watcher.start()
    try:
        yield interruption
    finally:
        if not interruption.number:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
            sender.close()
            watcher.join()
            received.close()


def _next_signal(received: socket.socket) -> int:
    """Return the next of the two signals; 0 where time is over, or nothing more will come."""
    try:
        while numbers := received.recv(1):
            if numbers[0] in _SIGNALS:
                return numbers[0]
    except TimeoutError:
        pass
    return 0

"""What reading an input may take."""

import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

SECONDS = 10.0
BYTES = 1 << 30


@contextmanager
def bounded(what: str) -> Iterator[None]:
    """Fail if the block takes over 10 s or 1 GB."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"{what} takes over {SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    reset = _reset_peak()
    held, began = _memory("VmRSS"), time.monotonic()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - began < SECONDS, f"{what} takes over {SECONDS} s"
    if reset:
        more = _memory("VmHWM") - held
        assert more < BYTES, f"{what} takes {more >> 20} MiB"


@contextmanager
def address_space(more: int) -> Iterator[None]:
    """Let the process reserve only so many bytes more: what goes further is a MemoryError, not a lost machine."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_memory("VmSize") + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _reset_peak() -> bool:
    """Set the peak of the process's memory to what it has now; False where the system cannot."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _memory(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) << 10
    return 0

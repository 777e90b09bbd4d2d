"""Which process is meant by a number, and is it still there?"""

import socket
from contextlib import suppress
from functools import cache
from pathlib import Path

_GONE = ("Z", "X", "x")
"""Processes that have ended, and wait for somebody to look at how."""


@cache
def host() -> str:
    """Return the name of this machine."""
    return socket.gethostname()


@cache
def machine() -> str:
    """Return what is the same where a process's number means the same: the start of a machine, and a container on it.

    Empty where the system does not say it.
    """
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    return ""


def birth(process: int) -> str:
    """Return when a process of this machine began, by the system's own count; empty where it is not there any more."""
    try:
        _, _, values = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(") ")
        state, began = values.split()[0], values.split()[19]
    except (OSError, IndexError):
        return ""
    return "" if state in _GONE else began

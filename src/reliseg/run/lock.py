"""The lock of a folder: one process that writes there as a whole, or any number of parts beside each other."""

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from reliseg.errors import ConfigError
from reliseg.runtime.regular_files import read_regular, reason_of

LOCK_FILE = ".lock"
"""The system's lock is on this file. It stays, empty: if it were removed, two processes could each lock one of it."""
MARKER_FILE = ".writing"
"""Stands for the lock where the disk has none: it names the process that writes, and is removed by it."""
_MARKER_LIMIT = 4096
_BUSY = (errno.EWOULDBLOCK, errno.EACCES)
_OF_THE_DISK = (errno.EIO, errno.ENOSPC, errno.EDQUOT)
_descriptors: set[int] = set()
"""Those that hold locks in this process."""

_Release: TypeAlias = Callable[[], None]


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """What cannot be written within becomes a ConfigError that asks for another folder.

    Where the disk fails, the OSError stays: another folder would not help.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _OF_THE_DISK:
            raise
        where = error.filename or folder
        raise ConfigError(f"{where}: cannot be written ({reason_of(error)}); give another --out") from error


@contextmanager
def lock_folder(path: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold a folder for a whole run or, `shared`, for one of several parts; a ConfigError says what else is at work.

    The lock is the system's: it ends with the process, however that ends. Where the disk has none, as some network
    disks, a file stands for it, and that of a process of this machine which is gone is taken over. Parts need no lock
    there: their files have names of their own, and are there whole or not at all.
    """
    with writing_to(path):
        path.mkdir(parents=True, exist_ok=True)
        release = _acquire(path, shared)
    try:
        yield
    finally:
        release()


def _acquire(folder: Path, shared: bool) -> _Release:
    """Return what lets go of the lock; a ConfigError where another process holds it."""
    if sys.platform != "win32":
        release = _flock(folder, shared)
        if release is not None:
            return release
        return _nothing if shared else _mark(folder)
    if shared:
        return _nothing
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK_FILE, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise _busy_error(folder) from error
    return lock.release


def _flock(folder: Path, shared: bool) -> _Release | None:
    """Return what lets go of the system's lock; None where the disk has no locks.

    The lock is on a file: one on a folder would be known to this machine alone where the disk is in the network.
    """
    import fcntl

    descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        parts_are_at_work = error.errno in _BUSY and not shared and _can_share(descriptor)
        os.close(descriptor)
        if error.errno in _BUSY:
            raise _busy_error(folder, parts=parts_are_at_work, asked_by_part=shared) from error
        return None
    _descriptors.add(descriptor)
    return lambda: _unlock(descriptor)


def _can_share(descriptor: int) -> bool:
    """Tell if those that hold the lock share it."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _unlock(descriptor: int) -> None:
    import fcntl

    fcntl.flock(descriptor, fcntl.LOCK_UN)
    _close(descriptor)


def _close(descriptor: int) -> None:
    _descriptors.discard(descriptor)
    os.close(descriptor)


def _close_all() -> None:
    """Close what a forked process has inherited, like a worker of the model's: it would hold the lock open."""
    for descriptor in tuple(_descriptors):
        _close(descriptor)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_all)


def _mark(folder: Path) -> _Release:
    """Write the file that stands for the lock, and return what removes it."""
    from filelock import SoftFileLock, Timeout  # few disks have no locks, and it takes long to import

    marker = folder / MARKER_FILE
    lock = SoftFileLock(marker, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        holder = _holder(marker)
        if holder is None:
            raise _busy_error(folder) from error
        raise ConfigError(
            f"{folder}: another process is writing there ({holder}); wait for it, or remove {marker} if it is gone"
        ) from error
    return lock.release


def _holder(marker: Path) -> str | None:
    """Return who has written a marker: `process 4711 on node7`."""
    try:
        process, host, *_ = read_regular(marker, _MARKER_LIMIT).decode(errors="replace").split()
    except (OSError, ValueError):
        return None
    return f"process {process} on {host}"


def _nothing() -> None:
    """Let go of no lock."""


def _busy_error(folder: Path, *, parts: bool = False, asked_by_part: bool = False) -> ConfigError:
    if parts:
        return ConfigError(f"{folder}: parts of a run are at work there; wait for them, or give another --out")
    who = "another process, which is no part of a run," if asked_by_part else "another process"
    return ConfigError(f"{folder}: {who} is writing there; wait for it, or give another --out")

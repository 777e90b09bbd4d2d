"""Files that are there whole or not at all."""

import errno
import hashlib
import os
import re
import socket
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import BinaryIO

from reliseg.errors import one_line

_TEMPORARY = re.compile(r"\.([0-9a-f]{8})-([0-9a-f]+)-[0-9a-f]+\.tmp")
"""The name of a file until it is whole: the machine and the process that write it, and a number."""
_numbers = count()
_ABANDONED = 7 * 24 * 3600.0
"""No write takes so many seconds, not even on a computer that slept meanwhile."""
_NOT_FOR_FOLDERS = (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EISDIR, errno.ENOSYS)
"""What a file system answers that has no fsync for folders."""


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write, fsync and rename: the file is there whole or not at all, also after a power cut. An OSError names it.

    What `write` is given writes everything or raises: where the system takes less at once, it goes on.
    """
    try:
        _make_folder(path.parent)
        temporary, file = _open_temporary(path)
        try:
            with file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as error:
            if error.filename == str(temporary):
                error.filename, error.filename2 = str(path), None
            raise
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        if error.errno is None:  # numpy says only how much of an array it could write
            raise OSError(errno.EIO, one_line(error), str(path)) from error
        if error.filename is None:  # that of a full disk names no file
            error.filename = str(path)
        raise


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let an OSError that names no file, as that of a full disk, name this one."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def write_text(path: Path, content: str) -> None:
    """Write a text file atomically."""
    write_atomically(path, lambda file: file.write(content.encode()))


def is_temporary(name: str) -> bool:
    """Tell if a file of this name is one that is not whole yet, or never will be."""
    return _TEMPORARY.fullmatch(name) is not None


def remove_leftovers(folder: Path, leave_out: Collection[str] = ()) -> None:
    """Remove what killed processes have left of files in a folder and those below, but for some folders right in it.

    What a living process of this machine writes stays, and so does, for a week, what another machine has written.
    """
    places: list[str | Path] = [folder]
    while places:
        place = places.pop()
        with suppress(OSError), os.scandir(place) as entries:  # there may be thousands of folders
            for entry in entries:
                match = _TEMPORARY.fullmatch(entry.name) if entry.name.startswith(".") else None
                if match and _is_abandoned(Path(entry.path), match[1], int(match[2], 16)):
                    with suppress(OSError):
                        Path(entry.path).unlink()
                elif not (place is folder and entry.name in leave_out) and entry.is_dir(follow_symlinks=False):
                    places.append(entry.path)


def _is_abandoned(path: Path, machine: str, process: int) -> bool:
    if machine == _machine() and sys.platform != "win32" and not _is_alive(process):
        return True
    try:
        return time.time() - path.stat().st_mtime > _ABANDONED
    except OSError:
        return False


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass  # it is another user's
    return True


@cache
def _machine() -> str:
    """Return eight digits for where a process's number means something: a machine, or a container on it."""
    parts = [socket.gethostname().encode(errors="surrogateescape")]
    with suppress(OSError):
        parts.append(Path("/etc/machine-id").read_bytes())
    with suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").stat().st_ino).encode())
    return hashlib.sha256(b"\n".join(parts)).hexdigest()[:8]


def _open_temporary(path: Path) -> tuple[Path, BinaryIO]:
    """Return a new file beside a path, open for writing, that no other thread, process or machine writes."""
    while True:
        temporary = path.parent / f".{_machine()}-{os.getpid():x}-{next(_numbers):x}.tmp"
        try:
            return temporary, temporary.open("xb")
        except FileExistsError:  # left over, or a machine of the same name
            continue
        except OSError as error:
            error.filename = str(path)
            raise


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, so that they are there after a power cut."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """Let the names in a folder reach the disk, where the system can do that."""
    if sys.platform == "win32":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # one that may be written and not listed
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_FOR_FOLDERS:
            raise
    finally:
        os.close(descriptor)

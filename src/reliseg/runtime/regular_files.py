"""Files from outside, read so that nothing hangs or bursts: regular files only, each up to a limit.

A FIFO waits for a writer, a device may have no end, and what the system makes up (`/proc`) states a wrong size. All of
this is an `UnfitFileError`; as an OSError, its `strerror` is the reason, and it is caught where other troubles with
files are.
"""

import errno
import hashlib
import os
import stat
from io import BufferedReader
from pathlib import Path

from reliseg.errors import one_line

_KINDS = (
    (stat.S_ISDIR, "it is a folder, not a file"),
    (stat.S_ISFIFO, "it is a pipe, not a regular file"),
    (stat.S_ISSOCK, "it is a socket, not a regular file"),
    (stat.S_ISCHR, "it is a device, not a regular file"),
    (stat.S_ISBLK, "it is a device, not a regular file"),
)
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


class UnfitFileError(OSError):
    """A path that leads to no regular file, to too large a one, or to one that changes while it is read."""


def regular_size(path: Path | str, limit: int | None = None) -> int:
    """Return the size of a regular file in bytes, or raise an OSError: the system's own, or an UnfitFileError.

    A link is followed. `limit` is the largest size that is accepted.
    """
    try:
        status = os.stat(path)  # noqa: PTH116 - a path's own methods take as long again, of each of many small files
    except ValueError as error:  # a NUL, or a character that the file system's encoding does not have
        raise _unfit(path, "no file can have this name") from error
    return _size(path, status, limit)


def open_regular(path: Path | str, limit: int | None = None) -> BufferedReader:
    """Open a regular file for reading, after the checks of `regular_size`."""
    regular_size(path, limit)  # before it is opened: opening a FIFO waits for a writer
    file = open(path, "rb")  # noqa: PTH123, SIM115 - as above; the caller closes it
    try:
        _size(path, os.fstat(file.fileno()), limit)
    except BaseException:
        file.close()
        raise
    return file


def read_regular(path: Path | str, limit: int) -> bytes:
    """Return the bytes of a regular file of at most `limit` bytes; an OSError says why it cannot be had.

    At most one byte more than the file's size is read. One of size 0 is not read at all: the system's own files state
    this, and some of them wait for events.
    """
    with open_regular(path, limit) as file:
        return read_open(file)


def read_open(file: BufferedReader) -> bytes:
    """Return the bytes of a file that `open_regular` opened, as `read_regular` does."""
    size = os.fstat(file.fileno()).st_size
    file.seek(0)
    data = file.read(size + 1) if size else b""
    if len(data) != size:
        raise _unfit(file.name, "its size changed while it was read")
    return data


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a regular file; an OSError says why it cannot be had."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def holds(path: Path, content: bytes) -> bool:
    """Tell if there is a regular file of exactly these bytes."""
    try:
        return read_regular(path, len(content)) == content
    except OSError:
        return False


def reason_of(error: OSError) -> str:
    """Return why a file cannot be had, as the middle of a sentence: `no such file or directory`."""
    text = error.strerror or one_line(error)
    return text[:1].lower() + text[1:]


def size_text(size: int) -> str:
    """Return a number of bytes for a message: `783 kB`, `2.5 GB`."""
    value, unit = float(size), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    digits = 0 if unit == 0 or value >= 10 else 1
    return f"{value:.{digits}f} {_UNITS[unit]}"


def _size(path: Path | str, status: os.stat_result, limit: int | None) -> int:
    if not stat.S_ISREG(status.st_mode):
        raise _unfit(path, next((text for is_kind, text in _KINDS if is_kind(status.st_mode)), "it is no regular file"))
    if limit is not None and status.st_size > limit:
        raise _unfit(path, f"it has {size_text(status.st_size)}, and the limit is {size_text(limit)}")
    return status.st_size


def _unfit(path: Path | str, reason: str) -> UnfitFileError:
    return UnfitFileError(errno.EINVAL, reason, str(path))

"""Arrays in .npy and .npz files that anybody may have written: looked at before they are read, and read whole or not.

A file's kind is told by its content, not by its name. Headers say how large an array is before any memory is taken,
members of archives are read to their end, where their checksum is compared, and no pickled object is ever loaded.
"""

import io
import math
import re
import zipfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy_format

from reliseg.errors import one_line, shape_text
from reliseg.runtime.regular_files import open_regular, reason_of, size_text

_NPY, _ZIP = b"\x93NUMPY", b"PK"
_END, _END_LIMIT = b"PK\x05\x06", 22 + (1 << 16)
_HEADER_LIMIT = 10_000
_CHUNK = 1 << 20
"""Bytes read at once, and the largest directory of an archive: that of 20,000 arrays."""
_LONG = re.compile(rb"([0-9])\s*L\b")
"""How Python 2 wrote integers: NumPy would warn of it."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class ArrayFileError(ValueError):
    """A file that cannot be read as arrays; the text ends an error line."""


@dataclass(frozen=True)
class ArrayHeader:
    """What the header of an array says."""

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran_order: bool

    @property
    def size(self) -> int:
        """Number of bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class ArraySource:
    """An array in an open file. `read` may be called once, while the file is open."""

    header: ArrayHeader
    _stream: IO[bytes]

    def read(self, limit: int) -> np.ndarray:
        """Return the array in C order; an ArrayFileError if it has more than `limit` bytes, or is not as stated."""
        header = self.header
        if header.dtype.hasobject or header.dtype.itemsize == 0:
            raise ArrayFileError(f"holds an array of {type_text(header.dtype)}, which is not read; write numbers")
        if header.size > limit:
            raise ArrayFileError(
                f"holds an array of {shape_text(header.shape)} {type_text(header.dtype)}, {size_text(header.size)}, "
                f"and the limit is {size_text(limit)}"
            )
        content = np.empty(header.size, np.uint8)
        with _as_damage():
            filled = 0
            while filled < header.size:
                part = self._stream.read(min(_CHUNK, header.size - filled))
                if not part:
                    raise ValueError("it ends too early")
                content[filled : filled + len(part)] = np.frombuffer(part, np.uint8)
                filled += len(part)
            if self._stream.read(1):
                raise ValueError("it goes on after the array")
            array = content.view(header.dtype).reshape(header.shape, order="F" if header.fortran_order else "C")
        return np.ascontiguousarray(array).reshape(header.shape)


@contextmanager
def open_arrays(path: Path, names: Collection[str], of_npy: str) -> Iterator[dict[str, "ArraySource"]]:
    """Yield those of the named arrays that a file has. A .npy file has one array without a name: it is called `of_npy`.

    An ArrayFileError says what is wrong with the file.
    """
    with _as_damage():
        file = open_regular(path)
    with file:
        with _as_damage():
            sources = _sources(file, names, of_npy)
        yield sources


def _sources(file: IO[bytes], names: Collection[str], of_npy: str) -> dict[str, ArraySource]:
    start = file.read(len(_NPY))
    file.seek(0)
    if start == _NPY:
        return {of_npy: ArraySource(_read_header(file), file)}
    if not start.startswith(_ZIP):
        raise ValueError("it is neither a .npy nor a .npz file")
    archive = zipfile.ZipFile(_Guarded(file))
    if len(archive.infolist()) != _stated_members(file):
        raise ValueError("its directory is damaged")
    members: dict[str, list[zipfile.ZipInfo]] = {}
    for info in archive.infolist():
        archive.open(info).close()  # its name must stand at its place too: an array under a damaged one would be missed
        members.setdefault(info.filename.removesuffix(".npy"), []).append(info)
    return {name: _source(archive, name, members[name]) for name in names if name in members}


def _stated_members(file: IO[bytes]) -> int:
    """Return the number of members that the end of an archive states: a part of the directory may be damaged."""
    file.seek(max(0, file.seek(0, io.SEEK_END) - _END_LIMIT))
    end = file.read(_END_LIMIT)
    place = end.rfind(_END)
    return int.from_bytes(end[place + 10 : place + 12], "little")


def _source(archive: zipfile.ZipFile, name: str, members: list[zipfile.ZipInfo]) -> ArraySource:
    if len(members) > 1:
        raise ValueError(f"it has two arrays called {name!r}")
    (info,) = members
    if info.compress_type not in _METHODS:
        raise ValueError(f"{name!r} is compressed in a way that NumPy does not know")
    stream = archive.open(info)
    header = _read_header(stream)
    return ArraySource(header, stream)


def _read_header(stream: IO[bytes]) -> ArrayHeader:
    start = stream.read(10)
    if start[: len(_NPY)] != _NPY or len(start) < 10 or start[6:8] not in (b"\x01\x00", b"\x02\x00"):
        raise ValueError("a part of it is no array of NumPy")
    more = stream.read(2) if start[6] == 2 else b""
    length = int.from_bytes(start[8:10] + more, "little")
    if length > _HEADER_LIMIT:
        raise ValueError("the header of an array is too long")
    header = stream.read(length)
    if b"\\" in header:
        raise ValueError("the header of an array has escape sequences")
    header = _LONG.sub(rb"\1", header)
    text = io.BytesIO(len(header).to_bytes(2 + len(more), "little") + header)
    parse: Callable[..., tuple[tuple[int, ...], bool, np.dtype]] = (
        npy_format.read_array_header_1_0 if start[6] == 1 else npy_format.read_array_header_2_0
    )
    shape, fortran_order, dtype = parse(text, max_header_size=_HEADER_LIMIT)
    if any(side < 0 for side in shape):
        raise ValueError("the shape of an array is negative")
    return ArrayHeader(tuple(int(side) for side in shape), dtype, fortran_order)


class _Guarded(io.RawIOBase):
    """A file of which no more than a chunk can be read at once: the directory of an archive may state any size."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int | None = -1) -> bytes:
        """Return as many bytes, or all that are left; a ValueError if that is more than a chunk."""
        wanted = _CHUNK + 1 if size is None or size < 0 or size > _CHUNK else size
        data = self._file.read(wanted)
        if len(data) > _CHUNK:
            raise ValueError("its directory is too large")
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._file.tell()

    def seekable(self) -> bool:
        """Tell that it is a file."""
        return True


@contextmanager
def _as_damage() -> Iterator[None]:
    """Turn whatever damage raises, which is nearly anything, into an ArrayFileError."""
    try:
        yield
    except OSError as error:
        raise ArrayFileError(f"cannot be read ({reason_of(error)}); write it again") from error
    except Exception as error:
        reason = one_line(error) or type(error).__name__
        raise ArrayFileError(f"cannot be read ({reason}); write it again") from error


def type_text(dtype: np.dtype) -> str:
    """Return the name of a type of numbers: `float16`; names of texts and dates may be long."""
    return "several fields" if dtype.names is not None else dtype.name[:40]

"""Members of the zip files of pieces, read so that no header makes a reader take more memory than there is to read."""

import os
import struct
import zipfile
import zlib
from typing import BinaryIO

_START_OF_MEMBER = struct.Struct("<4s5H3L2H")
_END_OF_ZIP = struct.Struct("<4s4H2LH")
UNREADABLE = (
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    LookupError,
    ValueError,
    ArithmeticError,
    EOFError,
    RuntimeError,  # and NotImplementedError: a method of compression, or a password
)
"""What reading a missing or damaged piece raises."""


def check_end(file: BinaryIO) -> None:
    """Raise a ValueError where the end of a zip file is not as it was written: its directory takes memory."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - _END_OF_ZIP.size - 64, 0))
    signature, _, _, _, entries, directory, start, comment = _END_OF_ZIP.unpack(file.read(_END_OF_ZIP.size))
    if signature != b"PK\5\6" or comment != 64 or directory > min(size, entries * 1024):
        raise ValueError("no end of a piece")
    if start + directory + _END_OF_ZIP.size + 64 != size:
        raise ValueError("something lies before or between")


def read_member(file: BinaryIO, info: zipfile.ZipInfo, most: int) -> bytes:
    """Return a member of at most so many bytes; a ValueError where it is larger, or stored in another way."""
    if info.file_size > most or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{info.filename} cannot be a member")
    content = _inflated(file, info)
    if len(content) != info.file_size:
        raise ValueError(f"{info.filename} has another size")
    return content


def stored_member(file: memoryview, info: zipfile.ZipInfo, most: int) -> memoryview:
    """Return a member of at most so many bytes that is stored as it is, from the bytes of a file: they are not copied.

    A ValueError where it is larger, or stored in another way.
    """
    if (
        info.compress_type != zipfile.ZIP_STORED
        or info.flag_bits & 1
        or not info.compress_size == info.file_size <= most
    ):
        raise ValueError(f"{info.filename} cannot be a member")
    signature, *_, name, extra = _START_OF_MEMBER.unpack_from(file, info.header_offset)
    start = info.header_offset + _START_OF_MEMBER.size + name + extra
    content = file[start : start + info.file_size]
    if signature != b"PK\3\4" or len(content) != info.file_size:
        raise ValueError("no member, or one that is cut off")
    return content


def _inflated(file: BinaryIO, info: zipfile.ZipInfo) -> bytes:
    """Return what a member holds, of no more bytes than one beyond its size.

    Its checksum is not computed: a digest of all that is read stands in the head, and the head's own at the end.
    """
    file.seek(info.header_offset)
    signature, *_, name, extra = _START_OF_MEMBER.unpack(file.read(_START_OF_MEMBER.size))
    if signature != b"PK\3\4" or info.flag_bits & 1:
        raise ValueError("no member, or one with a password")
    file.seek(name + extra, os.SEEK_CUR)
    packed = file.read(info.compress_size)
    if info.compress_type == zipfile.ZIP_STORED:
        return packed[: info.file_size + 1]
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, info.file_size + 1)

"""Members of the zip files of pieces, read so that no header makes a reader take more memory than there is to read."""

import os
import struct
import zipfile
import zlib
from typing import BinaryIO, NamedTuple

_START_OF_MEMBER = struct.Struct("<4s5H3L2H")
_END_OF_ZIP = struct.Struct("<4s4H2LH")
_ENTRY = struct.Struct("<4s6H3L5H2L")
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


class Member(NamedTuple):
    """What the directory of a zip file says of a member."""

    filename: str
    flag_bits: int
    compress_type: int
    compress_size: int
    file_size: int
    header_offset: int


def read_directory(file: BinaryIO) -> tuple[list[Member], bytes]:
    """Return the members of a zip file, in a tenth of the time of `zipfile`, and the comment at its end.

    A ValueError where the end is not as it was written: with a comment of 64 bytes, and a directory right before.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - _END_OF_ZIP.size - 64, 0))
    signature, _, _, _, entries, directory, start, comment = _END_OF_ZIP.unpack(file.read(_END_OF_ZIP.size))
    if signature != b"PK\5\6" or comment != 64 or directory > min(size, entries * 1024):
        raise ValueError("no end of a piece")
    if start + directory + _END_OF_ZIP.size + 64 != size:
        raise ValueError("something lies before or between")
    file.seek(start)
    content = file.read(directory + _END_OF_ZIP.size + 64)
    members, at = list[Member](), 0
    for _ in range(entries):
        (signature, _, _, flags, method, _, _, _, packed, unpacked, name, extra, note, _, _, _, offset) = (
            _ENTRY.unpack_from(content, at)
        )
        begin = at + _ENTRY.size
        at = begin + name + extra + note
        if signature != b"PK\1\2" or at > directory:
            raise ValueError("no entry of a directory")
        members.append(Member(content[begin : begin + name].decode("utf-8"), flags, method, packed, unpacked, offset))
    if at != directory:
        raise ValueError("something follows the last entry")
    return members, content[-64:]


def read_member(file: BinaryIO, info: Member | zipfile.ZipInfo, most: int) -> bytes:
    """Return a member of at most so many bytes; a ValueError where it is larger, or stored in another way."""
    if info.file_size > most or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{info.filename} cannot be a member")
    content = _inflated(file, info)
    if len(content) != info.file_size:
        raise ValueError(f"{info.filename} has another size")
    return content


def stored_member(file: memoryview, info: Member, most: int) -> memoryview:
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


def _inflated(file: BinaryIO, info: Member | zipfile.ZipInfo) -> bytes:
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

"""Frames of Zstandard: how the arrays of pieces are packed. The library is imported when the first one is needed."""

from functools import cache
from typing import Any

_LEVEL = -1
"""Against level 3: 14 % more disk, 40 % of the time to pack, and 60 % to unpack.

A part is packed once, and unpacked whenever metrics are computed.
"""
_WINDOW_LOG = 23
"""No frame makes a reader hold more than 8 MB beside what it unpacks: what all readers take, as RFC 8878 says."""


def pack(content: bytes) -> bytes:
    """Return a frame that holds these bytes, and says how many they are."""
    return bytes(_library().compress(content, _LEVEL))


def most_packed(size: int) -> int:
    """Return the size that no frame of so many bytes exceeds."""
    return size + size // 256 + 64


def unpack(frame: bytes | memoryview, most: int) -> bytes:
    """Return what a frame holds; a ValueError where that is more than so many bytes, or the frame is not whole."""
    library = _library()
    opened = library.ZstdDecompressor(options={library.DecompressionParameter.window_log_max: _WINDOW_LOG})
    try:
        content = bytes(opened.decompress(frame, most + 1))
    except library.ZstdError as error:
        raise ValueError(f"no frame: {error}") from error
    if not opened.eof or opened.unused_data or len(content) > most:
        raise ValueError("a frame that is cut off, too large, or followed by something")
    return content


@cache
def _library() -> Any:
    """Return the library: Python's own from 3.14 on, before that its backport."""
    import sys

    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd

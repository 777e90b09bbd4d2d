"""Frames of Zstandard: how the arrays of pieces are packed. The library is imported when the first one is needed."""

import threading
from functools import cache
from typing import Any

_LEVEL = -1
"""Against level 3: 14 % more disk, 40 % of the time to pack, and 60 % to unpack.

A part is packed once, and unpacked whenever metrics are computed.
"""
_WINDOW = 1 << 23
"""No frame makes a reader hold more beside what it unpacks: what all readers take, as RFC 8878 says.

A whole frame is unpacked straight into its place, whatever window it names; the limit is for frames that are cut off.
"""


def pack(content: bytes) -> bytes:
    """Return a frame that holds these bytes, and says how many they are."""
    return bytes(_library().ZstdCompressor(level=_LEVEL).compress(content))


def most_packed(size: int) -> int:
    """Return the size that no frame of so many bytes exceeds."""
    return size + size // 256 + 64


def unpack(frame: bytes | memoryview, most: int) -> bytes:
    """Return what a frame holds; a ValueError where that is more than so many bytes, or the frame is not whole."""
    library = _library()
    try:
        size = library.frame_content_size(frame)
        if not 0 <= size <= most:
            raise ValueError("a frame that is too large, or does not say how large it is")
        if size == 0 and frame != pack(b""):  # the library looks no further
            raise ValueError("a frame of nothing that holds something, or is followed by it")
        return bytes(_reader().decompress(frame, max_output_size=size, allow_extra_data=False))
    except library.ZstdError as error:
        raise ValueError(f"no frame, or one that is cut off or followed by something: {error}") from error


def _reader() -> Any:
    """Return what unpacks the frames of this thread: to make one takes longer than most frames."""
    if not hasattr(_of_thread, "reader"):
        _of_thread.reader = _library().ZstdDecompressor(max_window_size=_WINDOW)
    return _of_thread.reader


_of_thread = threading.local()


@cache
def _library() -> Any:
    """Return the library that unpacks into memory of the right size: Python's own joins blocks, with its lock held."""
    import zstandard

    return zstandard

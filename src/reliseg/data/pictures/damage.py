"""Damage to files of pictures that their decoders do not notice."""

import zlib
from collections.abc import Iterator

_PIECE = 1 << 16
"""Bytes: what is inflated at a time, however much a small part unpacks to."""


class DamagedError(Exception):
    """A file that is not as it was written; the text says how it is seen, without the file."""


def inflated(content: bytes, inflate: "zlib._Decompress") -> Iterator[bytes]:
    """Yield what the next part of compressed pixels unpacks to, in pieces; a DamagedError where it is not as written.

    zlib compares the checksum at the end, when `inflate.eof` becomes true.
    """
    while content and not inflate.eof:
        try:
            piece = inflate.decompress(content, _PIECE)
        except zlib.error as error:
            raise DamagedError("the checksum of its pixels is wrong, or they cannot be inflated") from error
        content = inflate.unconsumed_tail
        yield piece

"""Tests of compressed pixels that are held to their checksum."""

import zlib

import pytest

from reliseg.data.pictures.damage import DamagedError, inflated

PIXELS = bytes(200_000)
STORED = zlib.compress(PIXELS)


def test_small_parts_unpack_piece_by_piece() -> None:
    inflate = zlib.decompressobj()
    pieces = [piece for i in range(0, len(STORED), 50) for piece in inflated(STORED[i : i + 50], inflate)]
    assert b"".join(pieces) == PIXELS
    assert inflate.eof
    assert max(map(len, pieces)) <= 1 << 16


def test_another_checksum_is_damage() -> None:
    with pytest.raises(DamagedError, match="the checksum of its pixels is wrong"):
        list(inflated(STORED[:-1] + bytes([STORED[-1] ^ 1]), zlib.decompressobj()))

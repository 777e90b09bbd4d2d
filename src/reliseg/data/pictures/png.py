"""PNG files, held to their own checksums: Pillow looks at none of the pixels' (IDAT), and skips others when told to."""

import struct
import zlib
from collections.abc import Iterator
from io import SEEK_CUR, BytesIO
from typing import BinaryIO

from reliseg.data.pictures.damage import DamagedError, inflated

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Color type -> channels."""
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Color type -> bits of a sample."""
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Interlaced pictures: the first column and row of each pass, and the steps to the next ones."""
_MOST_BYTES = 1 << 12
"""Of what stands beside the pixels and may be compared: usual headers have less than a tenth, color profiles more."""
_MOST_CHUNKS = 1 << 20
"""An image of the largest size, in chunks of 4 KB, has a tenth of them; so many are walked in a second or two."""


def verified_png(data: bytes) -> BytesIO:
    """Return a PNG with the same pixels, after all checksums were found right; a DamagedError says what is wrong.

    The checksum of the pixels (Adler-32) is at the end of what is compressed, which decoders do not read: it takes
    inflating them here. The file that is returned holds them as they are, so that nothing is inflated twice.
    """
    out, inflate, store = BytesIO(), zlib.decompressobj(), zlib.compressobj(0)
    left, kinds = -1, set[bytes]()
    out.write(SIGNATURE)
    for kind, start, stop in _chunks(data):
        if kind == b"IDAT":
            left -= _copy_pixels(data[start:stop], (inflate, store), left, out)
        else:
            out.write(memoryview(data)[start - 8 : stop + 4])
        if kind in (b"IHDR", b"PLTE") and kind in kinds:
            raise DamagedError(f"its {kind.decode()} chunk stands there twice")
        if kind == b"IHDR":
            left = _raw_bytes(data[start:stop])
        kinds.add(kind)
        if kind == b"IEND":
            break
    if b"IEND" not in kinds:
        raise DamagedError("it has no end (IEND)")
    if left or not inflate.eof:
        raise DamagedError("it holds fewer pixels than its header says")
    out.seek(0)
    return out


def late_exif(file: BinaryIO) -> bytes | None:
    """Return the EXIF data of a PNG, wherever they stand: Pillow reads to the pixels only. The file's place is kept."""
    place = file.tell()
    try:
        file.seek(len(SIGNATURE))
        for _ in range(_MOST_CHUNKS):
            if len(header := file.read(8)) < 8:
                break
            size, kind = struct.unpack(">I4s", header)
            if kind == b"eXIf":
                return file.read(size)
            file.seek(size + 4, SEEK_CUR)
        return None
    finally:
        file.seek(place)


def beside_pixels(file: BinaryIO) -> bytes | None:
    """Return all that a PNG holds beside its pixels, if that is little; two files in which it is equal have one header.

    None of any other file, and of one that does not end where it should. The file's place is kept.
    """
    place, parts, left = file.tell(), list[bytes](), _MOST_BYTES
    try:
        file.seek(0)
        if file.read(len(SIGNATURE)) != SIGNATURE:
            return None
        for _ in range(_MOST_CHUNKS):
            if len(header := file.read(8)) < 8:
                break
            size, kind = struct.unpack(">I4s", header)
            if kind == b"IDAT":
                parts.append(kind)
                file.seek(size + 4, SEEK_CUR)
                continue
            left -= size + 12
            if left < 0:
                break
            parts += header, file.read(size + 4)
            if kind == b"IEND":
                return None if file.read(1) else b"".join(parts)
        return None
    finally:
        file.seek(place)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name of each chunk, and where its content begins and ends, after its checksum was found right."""
    view, place, number = memoryview(data), len(SIGNATURE), 0
    while place < len(data):
        number += 1
        if number > _MOST_CHUNKS:
            raise DamagedError(f"it has more than {_MOST_CHUNKS} chunks")
        if place + 12 > len(data):
            raise DamagedError("it is cut off")
        size, kind = struct.unpack_from(">I4s", data, place)
        start, stop = place + 8, place + 8 + size
        if stop + 4 > len(data):
            raise DamagedError("it is cut off")
        if place == len(SIGNATURE) and (kind, size) != (b"IHDR", 13):
            raise DamagedError("it does not begin with a header (IHDR)")
        if zlib.crc32(view[place + 4 : stop]) != struct.unpack_from(">I", data, stop)[0]:
            raise DamagedError(f"the checksum of its {kind.decode('ascii', 'replace')} chunk is wrong")
        yield kind, start, stop
        place = stop + 4


def _copy_pixels(content: bytes, codecs: "tuple[zlib._Decompress, zlib._Compress]", most: int, out: BytesIO) -> int:
    """Inflate a part of the pixels and write them, not compressed; return their number of bytes, at most `most`."""
    inflate, store = codecs
    total = 0
    for piece in inflated(content, inflate):
        total += len(piece)
        if total > most:
            raise DamagedError("it holds more pixels than its header says")
        stored = store.compress(piece) + (store.flush() if inflate.eof else b"")
        if stored:
            out.write(struct.pack(">I4s", len(stored), b"IDAT") + stored + b"\0\0\0\0")  # this checksum nobody reads
    return total


def _raw_bytes(header: bytes) -> int:
    """Return how many bytes the pixels take before they are compressed, each row with a byte for its filter."""
    width, height, depth, color, compression, filters, interlaced = struct.unpack(">IIBBBBB", header)
    if depth not in _DEPTHS.get(color, ()):
        raise DamagedError(f"its color type {color} with {depth} bits does not exist")
    if compression or filters or interlaced > 1:
        raise DamagedError("its header asks for what the format does not have")
    bits = depth * _CHANNELS[color]
    passes = _PASSES if interlaced else ((0, 0, 1, 1),)
    sizes = ((-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in passes)
    return sum(rows * (1 + -(-columns * bits // 8)) for columns, rows in sizes if columns > 0 and rows > 0)

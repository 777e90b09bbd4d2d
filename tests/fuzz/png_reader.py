"""A reader of PNG files by the specification (ISO/IEC 15948), apart from the library that reliseg uses."""

import struct
import zlib

import numpy as np

from fuzz.mutations import png_chunks

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_MAX_BYTES = 1 << 24


class DamagedError(ValueError):
    """The file is not a PNG that the specification allows, or not of 8 bits at most."""


class UnknownError(ValueError):
    """The file may be whole, and this reader does not know its kind: rows are interlaced."""


def read_png(data: bytes) -> tuple[int, np.ndarray, np.ndarray | None]:
    """Return color type, stored samples (H x W x channels, 8 bits at most) and the palette of a still, plain PNG."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        raise DamagedError("no signature")
    chunks = png_chunks(data)
    ends = [i for i, (kind, _) in enumerate(chunks) if kind == b"IEND"]
    chunks = chunks[: ends[0] + 1] if ends else chunks  # what follows is no part of it
    _check(data, chunks)
    width, height, depth, color, compression, filters, interlace = struct.unpack(">IIBBBBB", chunks[0][1])
    if color not in _CHANNELS or depth not in (1, 2, 4, 8) or (compression, filters) != (0, 0) or interlace > 1:
        raise DamagedError("of a kind that there is not, or of 16 bits")
    if interlace:
        raise UnknownError("interlaced")
    stride = (width * depth * _CHANNELS[color] + 7) // 8
    if not 0 < height * (stride + 1) < _MAX_BYTES:
        raise DamagedError("of no size, or too large for a test")
    unpack = zlib.decompressobj()
    try:
        raw = unpack.decompress(b"".join(content for kind, content in chunks if kind == b"IDAT"), _MAX_BYTES)
    except zlib.error as error:
        raise DamagedError(str(error)) from error
    if len(raw) != height * (stride + 1) or not unpack.eof:
        raise DamagedError("too few bytes, or too many")
    rows = _unfilter(np.frombuffer(raw, np.uint8).reshape(height, stride + 1), max(1, depth * _CHANNELS[color] // 8))
    samples = rows.reshape(height, -1)
    if depth < 8:
        bits = np.unpackbits(samples, axis=1).reshape(height, -1, depth)
        samples = (bits * (1 << np.arange(depth)[::-1])).sum(axis=2).astype(np.uint8)
    palettes = [content for kind, content in chunks if kind == b"PLTE"]
    whole = len(palettes[0]) // 3 * 3 if palettes else 0
    palette = np.frombuffer(palettes[0][:whole], np.uint8).reshape(-1, 3) if palettes else None
    channels = _CHANNELS[color]
    return color, samples[:, : width * channels].reshape(height, width, channels), palette


def _check(data: bytes, chunks: list[tuple[bytes, bytes]]) -> None:
    place = 8
    for kind, content in chunks:
        end = place + 8 + len(content)
        if data[end : end + 4] != struct.pack(">I", zlib.crc32(kind + content)):
            raise DamagedError(f"checksum of {kind!r}")
        place = end + 4
    kinds = [kind for kind, _ in chunks]
    if kinds[:1] != [b"IHDR"] or len(chunks[0][1]) != 13 or b"IEND" not in kinds or b"IDAT" not in kinds:
        raise DamagedError("chunks are missing")


def _unfilter(rows: np.ndarray, step: int) -> np.ndarray:
    above = np.zeros(rows.shape[1] - 1, np.int64)
    result = np.empty((len(rows), rows.shape[1] - 1), np.uint8)
    for y, row in enumerate(rows):
        if row[0] > 4:
            raise DamagedError(f"filter {row[0]}")
        line = row[1:].astype(np.int64)
        for x in range(len(line)):
            left = line[x - step] if x >= step else 0
            corner = above[x - step] if x >= step else 0
            line[x] = (line[x] + _predict(int(row[0]), int(left), int(above[x]), int(corner))) & 255
        above, result[y] = line, line
    return result


def _predict(kind: int, left: int, up: int, corner: int) -> int:
    if kind == 4:
        estimate = left + up - corner
        distances = (abs(estimate - left), abs(estimate - up), abs(estimate - corner))
        return (left, up, corner)[distances.index(min(distances))]
    return (0, left, up, (left + up) // 2)[kind]

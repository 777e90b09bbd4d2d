"""Whether a file of a picture is whole, as far as its format lets anybody know. Pillow leaves most of this out."""

import zlib
from collections.abc import Callable
from io import BytesIO
from itertools import chain
from typing import Any

from PIL.ImageFile import ImageFile

from reliseg.data.pictures.damage import DamagedError, inflated
from reliseg.data.pictures.png import verified_png

_DEFLATED = (8, 32946)
"""The TIFF tag of compression, for what zlib writes."""
_COMPRESSION, _STRIPS, _TILES = 259, (273, 279), (324, 325)
_MOST_BYTES_PER_PIXEL = 64


def whole_file(kind: str, data: bytes, opened: Callable[[], ImageFile]) -> BytesIO:
    """Return a file of the same pixels, to be decoded; a DamagedError if it is cut off, or a checksum is wrong.

    `kind` is Pillow's word for its format, `data` are all its bytes, and `opened` opens it and reads its header, where
    that is needed. PNG and deflated TIFF have checksums, JPEG has an end; of other formats their decoders see what is
    missing.
    """
    if kind == "PNG":
        return verified_png(data)
    if kind in ("JPEG", "MPO"):
        _check_jpeg(data)
    elif kind == "TIFF":
        with opened() as picture:
            _check_deflated(picture.tag_v2, data, picture.width * picture.height)  # type: ignore[attr-defined]
    elif kind == "PPM":
        with opened() as picture:
            _check_single(picture, data)
    return BytesIO(data)


def _check_jpeg(data: bytes) -> None:
    """Raise a DamagedError where there is no end: a last part that was never written is full of zeros."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xDA:  # the pixels begin: from here on FF D9 is nothing but the end
            if data.find(b"\xff\xd9", place) < 0:
                break
            return
        alone = marker == 0xFF or marker == 0x01 or 0xD0 <= marker <= 0xD7
        place += (1 if marker == 0xFF else 2) if alone else 2 + int.from_bytes(data[place + 2 : place + 4])
    raise DamagedError("it is cut off: it has no end (EOI)")


def _check_deflated(tags: Any, data: bytes, pixels: int) -> None:
    """Raise a DamagedError where a strip or tile of a deflated TIFF is not as it was written."""
    if tags.get(_COMPRESSION) not in _DEFLATED:
        return
    left = (pixels + (1 << 20)) * _MOST_BYTES_PER_PIXEL
    parts = (zip(tags.get(offsets, ()), tags.get(sizes, ()), strict=False) for offsets, sizes in (_STRIPS, _TILES))
    for start, size in chain.from_iterable(parts):
        inflate = zlib.decompressobj()
        for piece in inflated(data[start : start + size], inflate):
            left -= len(piece)
            if left < 0:
                raise DamagedError("it holds more pixels than its header says")
        if size and not inflate.eof:
            raise DamagedError("it is cut off")


def _check_single(picture: ImageFile, data: bytes) -> None:
    """Raise a DamagedError where a file of the PNM family holds several pictures, one after the other."""
    if picture.tile[0].codec_name == "ppm_plain":
        return
    samples = picture.width * len(picture.getbands())
    row = -(-samples // 8) if picture.mode == "1" else samples
    wide = 2 if "16" in str(picture.tile[0].args) or picture.mode == "I" else 1
    behind = data[picture.tile[0].offset + row * wide * picture.height :].lstrip()
    if behind[:1] == b"P" and behind[1:2] in (b"1", b"2", b"3", b"4", b"5", b"6"):
        raise DamagedError("it holds several pictures, and is read as one")

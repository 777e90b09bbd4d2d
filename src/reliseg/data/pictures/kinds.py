"""Which pictures are read as images, and which as masks: decided from their headers, before any pixel is decoded.

An image is what a viewer shows, and a mask what was stored. What may be read in two ways is refused: turned pictures,
several in a file, ids that a format changes or that a decoder spreads over 0 to 255.
"""

import struct
from collections.abc import Iterator
from io import SEEK_SET
from itertools import islice
from typing import BinaryIO

from PIL import Image as Pillow
from PIL.ImageFile import ImageFile

from reliseg.data.pictures.png import late_exif

FORMATS = ("PNG", "JPEG", "MPO", "TIFF", "BMP", "GIF", "WEBP", "PPM", "JPEG2000", "AVIF", "TGA", "SGI", "PCX")
"""Those that are read, by Pillow's names; it knows others that run programs or hold no pixels."""
SCALED = {"L;2": 85, "L;4": 17}
"""Pillow spreads 2- and 4-bit grey over 0 to 255; ids are what was stored."""

USUAL_BYTES = 8
"""Memory that most decoders take for each pixel, with the pixels of 8-bit RGB that they are copied to."""

_IMAGE_MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr")
_ID_MODES = ("1", "L", "P", "I", "I;16", "I;16B", "I;16L", "I;16N")
_KIND = {"I": "32-bit", "F": "of floating-point numbers"}
_EXACT = ("1", "L", "P", "P;1", "P;2", "P;4", "L;R", "P;R", "1;R", *SCALED)
"""The ways in which 8 bits and less are stored that a decoder hands over as they are, or scaled by what is known."""
_PLAIN = ("TIFF", "BMP", "TGA", "SGI", "PCX")
"""Formats whose pixels are stored in one of these ways, as their header says."""

_ORIENTATION, _SUBFILE, _PHOTOMETRIC, _SAMPLE_FORMAT = 274, 254, 262, 339
_MOST_PICTURES, _MOST_GIF_PIXELS = 1000, 1 << 28
_BYTES_PER_PIXEL = {"JPEG2000": 20, "WEBP": 16, "AVIF": 10}
_LOSSY_TIFF = ("jpeg", "tiff_jpeg", "webp", "jpeg2000", "lerc")


def file_problem(picture: ImageFile, file: BinaryIO) -> str | None:
    """Return why a file is read neither as an image nor as a mask, by its header; None if it may be either.

    The picture may stand at another one of several afterwards.
    """
    if picture.format == "PNG" and "exif" not in picture.info and (exif := late_exif(file)) is not None:
        picture.info["exif"] = exif
    if Pillow.Image.getexif(picture).get(_ORIENTATION, 1) in range(2, 9):  # that of a PNG would decode it
        return "stored rotated (EXIF orientation); rotate the pixels and remove the tag"
    if picture.format == "GIF" and picture.tile and picture.tile[0].extents != (0, 0, *picture.size):
        return "its picture covers a part of its canvas only; save it as PNG"
    if picture.format == "BMP" and _bmp_bits(file) != {"1": 1, "L": 8}.get(picture.mode, _bmp_bits(file)):
        return "it is a BMP with a grey palette of another size than its pixels have; save it as PNG"
    count = _count(picture)
    if count > 1:
        number = f"at least {count}" if count == _most_counted(picture) else str(count)
        return f"it holds {number} pictures (an animation, or pages); give one file for each"
    return None


def image_problem(picture: ImageFile, file: BinaryIO) -> str | None:
    """Return why a picture is not read as an image; None if it is."""
    depths = _jpeg2000_depths(picture, file)
    if is_16_bit(picture) or any(depth > 8 for depth in depths):
        return "the image is 16-bit; convert it to 8-bit RGB"
    if picture.mode not in _IMAGE_MODES:
        return f"the image is {_KIND.get(picture.mode, f'{picture.mode} mode')}; convert it to 8-bit RGB"
    if picture.mode == "CMYK" and ("icc_profile" in picture.info or _is_bare_cmyk_jpeg(picture)):
        return "the image is CMYK, whose colors depend on the program that shows it; convert it to 8-bit RGB"
    if picture.format == "TIFF" and 2 in _tag(picture, _SAMPLE_FORMAT):
        return "the image holds signed numbers; convert it to 8-bit RGB"
    return None


def mask_problem(picture: ImageFile, file: BinaryIO, encoding: str) -> str | None:
    """Return why a picture is not read as a mask of this encoding (`index`, `red` or `color`); None if it is."""
    if picture.format == "JPEG2000":  # no header tells whether it was cut down to a size
        return "the mask is a JPEG 2000, which may have changed ids; save masks as PNG"
    if _is_lossy(picture, file):
        return (
            f"the mask is a {_format_text(picture)}, which changes ids; save masks as PNG; "
            "or are images and masks swapped?"
        )
    if encoding == "red" and (picture.mode not in ("RGB", "RGBA") or is_16_bit(picture)):
        return "encoding red needs an 8-bit RGB mask; save its first channel as a grey PNG, encoding index"
    if encoding == "color" and (picture.mode not in ("RGB", "RGBA", "P") or is_16_bit(picture)):
        return "encoding color needs an 8-bit RGB or palette mask; use encoding index for ids"
    if encoding == "index" and picture.mode not in _ID_MODES:
        return (
            f"the mask is in {picture.mode} mode, not grey or palette; give masks of ids, "
            "or set the label map's encoding to color or red; or are images and masks swapped?"
        )
    if encoding == "index" and (problem := _inexact(picture)):
        return f"the mask {problem}, so that its ids may be read in two ways; save masks as 8-bit PNG"
    return None


def depth_problem(picture: ImageFile, file: BinaryIO) -> str | None:
    """Return why a picture is not read as a depth map; None if it is."""
    if _is_lossy(picture, file):
        return f"the depth map is a {_format_text(picture)}, which changes values; save depth maps as PNG"
    if not (picture.mode == "L" or picture.mode.startswith("I;16")):
        return f"the depth map is in {picture.mode} mode; give a grey one of 16 or 8 bits"
    if problem := _inexact(picture):
        return f"the depth map {problem}, so that it may be read in two ways; save depth maps as 16-bit PNG"
    return None


def is_16_bit(picture: ImageFile) -> bool:
    """Tell if a channel has 16 bits; Pillow keeps only the high bytes of color images without a word."""
    return picture.mode.startswith("I;16") or any(";16" in str(tile.args) for tile in picture.tile)


def raw_mode(picture: ImageFile) -> str:
    """Return how the pixels are stored, in Pillow's words; nothing where the decoder does not tell."""
    for tile in picture.tile:
        first = tile.args[0] if isinstance(tile.args, tuple) and tile.args else tile.args
        return first if isinstance(first, str) else ""
    return ""


def bytes_per_pixel(picture: ImageFile) -> int:
    """Return how many bytes it takes to decode a pixel to 8-bit RGB, measured; those of the copy that stays are 3."""
    return 10 if "progressive" in picture.info else _BYTES_PER_PIXEL.get(str(picture.format), USUAL_BYTES)


def palette_colors(picture: ImageFile) -> int:
    """Return how many colors the palette of a file has, before it is decoded; 256 where it needs none."""
    if picture.palette is None:
        return 0 if picture.mode in ("P", "PA") else 256
    return len(picture.palette.palette) // (4 if picture.palette.rawmode == "BGRX" else 3)


def _count(picture: ImageFile) -> int:
    """Return how many pictures a file holds that a viewer would show, at most as many as are counted.

    The first one of a phone's file (MPO) is the photograph. Smaller versions of a page, and its mask, are no pages.
    """
    if picture.format == "MPO":
        return 1
    if picture.format not in ("GIF", "TIFF"):
        return min(int(getattr(picture, "n_frames", 1)), _MOST_PICTURES)
    return 1 + sum(islice(_further(picture), _most_counted(picture) - 1))


def _most_counted(picture: ImageFile) -> int:
    """Return how many pictures are counted: those of a GIF are drawn over one another meanwhile."""
    if picture.format != "GIF":
        return _MOST_PICTURES
    return max(2, min(_MOST_PICTURES, _MOST_GIF_PIXELS // (picture.width * picture.height)))


def _further(picture: ImageFile) -> Iterator[bool]:
    """Yield for each picture after the first one whether it stands for itself."""
    for number in range(1, 1 << 20):
        try:
            picture.seek(number)
        except EOFError:
            return
        yield not (picture.format == "TIFF" and any(value & 0b101 for value in _tag(picture, _SUBFILE)))


def _tag(picture: ImageFile, tag: int) -> tuple[int, ...]:
    """Return the values of a TIFF's tag, none if it is not there."""
    value = picture.tag_v2.get(tag, ())  # type: ignore[attr-defined]
    return tuple(int(v) for v in (value if isinstance(value, tuple) else (value,)))


def _is_bare_cmyk_jpeg(picture: ImageFile) -> bool:
    """Tell if nothing says whether 0 or 255 is no ink: Adobe's programs write the latter, and their mark."""
    return picture.format in ("JPEG", "MPO") and "adobe" not in picture.info


def _is_lossy(picture: ImageFile, file: BinaryIO) -> bool:
    if picture.format == "TIFF":
        return picture.info.get("compression") in _LOSSY_TIFF
    if picture.format == "WEBP":
        return b"VP8L" not in _webp_chunks(file)
    return picture.format in ("JPEG", "MPO", "AVIF")


def _inexact(picture: ImageFile) -> str | None:
    """Return why the ids of a grey or palette mask may be other than those stored; None if they are these."""
    if picture.format == "PPM" and (picture.mode == "1" or picture.tile[0].codec_name != "raw"):
        return "is a PBM, or a PGM whose largest value is neither 255 nor 65535"
    if picture.format == "TIFF" and 0 in _tag(picture, _PHOTOMETRIC):
        return "is a TIFF in which 0 is white"
    if picture.format == "TIFF" and 2 in _tag(picture, _SAMPLE_FORMAT) and picture.mode == "L":
        return "holds signed numbers"
    if picture.format in _PLAIN and picture.mode in ("1", "L", "P") and raw_mode(picture) not in _EXACT:
        return f"is stored as {raw_mode(picture) or 'an unknown kind of pixels'}"
    return None


def _bmp_bits(file: BinaryIO) -> int:
    """Return the bits of a pixel: Pillow takes grey palettes of few colors for pixels of 8 bits, or of one."""
    head = _head(file)
    place = 24 if head[14:18] == b"\x0c\0\0\0" else 28
    return int.from_bytes(head[place : place + 2], "little")


def _jpeg2000_depths(picture: ImageFile, file: BinaryIO) -> list[int]:
    """Return the bits of each channel of a JPEG 2000, of which Pillow scales all but 8 and 16; nothing of others."""
    if picture.format != "JPEG2000":
        return []
    size = _codestream(file)  # it begins with length, capabilities, eight numbers, channels, and 3 bytes for each
    if len(size) < 38:
        return []
    (channels,) = struct.unpack_from(">H", size, 36)
    return [(depth & 0x7F) + 1 for depth in size[38 : 38 + 3 * channels : 3]]


def _codestream(file: BinaryIO) -> bytes:
    """Return what follows the markers with which the pixels of a JPEG 2000 begin, SOC and SIZ."""
    return _head(file).partition(b"\xff\x4f\xff\x51")[2]


def _webp_chunks(file: BinaryIO) -> list[bytes]:
    """Return the names of the chunks that the beginning of a WebP file holds."""
    head, place, names = _head(file), 12, list[bytes]()
    while place + 8 <= len(head):
        names.append(head[place : place + 4])
        size = int.from_bytes(head[place + 4 : place + 8], "little")
        place += 8 + size + size % 2
    return names


def _head(file: BinaryIO) -> bytes:
    """Return the beginning of a file, and leave its place as it is."""
    place = file.tell()
    try:
        file.seek(0)
        return file.read(1 << 16)
    finally:
        file.seek(place, SEEK_SET)


def _format_text(picture: ImageFile) -> str:
    if picture.format == "TIFF":
        return f"TIFF with {picture.info.get('compression')} compression"
    names = {"MPO": "JPEG", "WEBP": "lossy WebP"}
    return names.get(str(picture.format), str(picture.format))

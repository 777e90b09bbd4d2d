"""From files to pixels: an image as 8-bit RGB, its mask as ids of the label space, the hash of both.

Pixels are used as they are stored: an orientation in EXIF data is not applied (masks carry none), alpha is
dropped, grey and palette images become RGB. 16-bit images are refused: nothing says which range they use.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import UInt8, UInt16
from PIL import Image as Pillow
from PIL import UnidentifiedImageError
from PIL.ImageFile import ImageFile

from reliseg.data.base import DataSet, DecodedSample, Sample
from reliseg.errors import SampleError
from reliseg.labels import ColorMap, UnlistedIdsError
from reliseg.types import Image, Truth

_ORIENTATION = 0x0112
"""The EXIF tag: 1 is upright. Annotations are of the pixels as a tool showed them: rotated or not, nobody can tell."""
PIXEL_LIMIT = 1 << 28
"""Larger images are refused: 268 megapixels, against files that unpack to far more than they hold."""
# Pillow's own limit, a third of this, warns about images that are legitimate here.
Pillow.MAX_IMAGE_PIXELS = max(Pillow.MAX_IMAGE_PIXELS or 0, PIXEL_LIMIT)

_IMAGE_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
_RAW_IDS = 1 << 16
_STRIP = 128
"""Rows."""
_SCALED = {"L;2": 85, "L;4": 17}
"""Pillow spreads 2- and 4-bit grey over 0 to 255; ids are what was stored."""


@dataclass(frozen=True)
class _File:
    """A file of a sample, for messages."""

    sample: str
    path: Path

    def error(self, problem: str) -> SampleError:
        return SampleError(self.sample, f"{self.path}: {problem}")

    def read(self) -> bytes:
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise self.error(f"cannot be read ({error.strerror}); check the file") from error
        if not data:
            raise self.error("the file is empty; copy it again")
        return data

    @contextmanager
    def open(self, source: BytesIO | Path) -> Iterator[ImageFile]:
        """Open the picture of this file and read its header; whatever goes wrong within becomes a SampleError."""
        try:
            with Pillow.open(source) as picture:
                if picture.width * picture.height > PIXEL_LIMIT:
                    raise self.error(f"{picture.width} x {picture.height} pixels; the limit is {PIXEL_LIMIT} in all")
                if picture.format == "JPEG" and picture.getexif().get(_ORIENTATION, 1) > 1:
                    raise self.error("stored rotated (EXIF orientation); rotate the pixels and remove the tag")
                yield picture
        except SampleError:
            raise
        except UnidentifiedImageError as error:
            raise self.error("not an image, or of an unknown format; replace the file") from error
        except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning) as error:
            raise self.error(f"too large; the limit is {PIXEL_LIMIT} pixels") from error
        except Exception as error:  # decoders of broken files raise anything
            problem = str(error) or type(error).__name__
            raise self.error(f"cannot be decoded ({problem}); copy or create the file again") from error


def load(dataset: DataSet, sample: Sample, *, image: bool = True) -> DecodedSample:
    """Decode a sample. Without `image` only its header is decoded; its bytes are hashed all the same."""
    file = _File(sample.id, dataset.root / sample.image)
    data = file.read()
    digest = hashlib.sha256(data)
    image_digest = digest.hexdigest()
    with file.open(BytesIO(data)) as picture:
        size = picture.height, picture.width
        pixels = _rgb(file, picture) if image else None
    if pixels is not None and sample.copy is not None:
        pixels = sample.copy(pixels)
    truth = None
    if sample.mask is not None:
        file = _File(sample.id, dataset.root / sample.mask)
        data = file.read()
        digest.update(data)
        truth = _truth(dataset, file, data, size)
    return DecodedSample(sample, size, pixels, truth, digest.hexdigest(), image_digest)


def sample_sha256(dataset: DataSet, sample: Sample) -> tuple[str, str]:
    """Return the sha256 of a sample's image and mask, and of its image alone, equal to those of `load`."""
    digest = hashlib.sha256(_File(sample.id, dataset.root / sample.image).read())
    image = digest.hexdigest()
    if sample.mask is not None:
        digest.update(_File(sample.id, dataset.root / sample.mask).read())
    return digest.hexdigest(), image


def image_sha256(dataset: DataSet, sample: Sample) -> str:
    """Return the sha256 of a sample's image file, equal to that of `load`, without decoding."""
    return hashlib.sha256(_File(sample.id, dataset.root / sample.image).read()).hexdigest()


def check_sizes(dataset: DataSet, sample: Sample) -> None:
    """Raise a SampleError if a header cannot be read, or image and mask differ in size. No pixel is decoded."""
    sizes = []
    for path in (sample.image, sample.mask):
        if path is not None:
            file = _File(sample.id, dataset.root / path)
            _check_content(file)
            with file.open(file.path) as picture:
                sizes.append((picture.height, picture.width))
                _check_size(file, picture, sizes[0])


def _check_content(file: _File) -> None:
    try:
        empty = file.path.stat().st_size == 0
    except OSError as error:
        raise file.error(f"cannot be read ({error.strerror}); check the file") from error
    if empty:
        raise file.error("the file is empty; copy it again")


def _check_size(file: _File, picture: ImageFile, size: tuple[int, int]) -> None:
    if (picture.height, picture.width) != size:
        raise file.error(
            f"the mask is {picture.width} x {picture.height} and the image {size[1]} x {size[0]} pixels; "
            "give a mask of the image's size"
        )


def _rgb(file: _File, picture: ImageFile) -> Image:
    if _is_16_bit(picture) or picture.mode not in _IMAGE_MODES:
        kind = "16-bit" if _is_16_bit(picture) else f"{picture.mode} mode"
        raise file.error(f"the image is {kind}; convert it to 8-bit RGB")
    if picture.mode in ("P", "PA") and "transparency" in picture.info:
        return _array(picture.convert("RGBA").convert("RGB"))
    return _array(picture.convert("RGB"))


def _array(picture: Pillow.Image) -> UInt8[np.ndarray, "H W *channels"]:
    """Return 8-bit pixels. Copy them in strips: Pillow makes a string of all it hands over, and a list of its parts."""
    pixels = np.empty((picture.height, picture.width, len(picture.getbands())), np.uint8)
    pixels = pixels if pixels.shape[2] > 1 else pixels[..., 0]
    for start in range(0, picture.height, _STRIP):
        stop = min(start + _STRIP, picture.height)
        pixels[start:stop] = np.asarray(picture.crop((0, start, picture.width, stop)))
    return pixels


def _truth(dataset: DataSet, file: _File, data: bytes, size: tuple[int, int]) -> Truth:
    with file.open(BytesIO(data)) as picture:
        _check_size(file, picture, size)
        if picture.format == "JPEG":
            raise file.error(
                "the mask is a JPEG, which changes ids; save masks as PNG; or are images and masks swapped?"
            )
        if isinstance(dataset.label_map, ColorMap):
            colors = _colors(file, picture)
        else:
            ids = _red(file, picture) if dataset.encoding == "red" else _ids(file, picture)
    try:
        return dataset.label_map(colors) if isinstance(dataset.label_map, ColorMap) else dataset.label_map(ids)
    except UnlistedIdsError as error:
        advice = "correct the palette" if dataset.encoding == "color" else "give every id a role in label_map"
        raise file.error(f"{error}; {advice}, or set unlisted: void") from error


def _ids(file: _File, picture: ImageFile) -> UInt8[np.ndarray, "H W"] | UInt16[np.ndarray, "H W"]:
    """Return the stored ids of a grey or palette mask (a palette's indices, not its colors)."""
    if picture.mode in ("1", "L", "P"):
        scale = next((_SCALED[t.args] for t in picture.tile if t.args in _SCALED), 1)
        return _array(picture) // np.uint8(scale) if scale > 1 else _array(picture)
    if picture.mode in ("I", "I;16", "I;16B", "I;16L", "I;16N"):
        raw = np.array(picture)
        if raw.size and not 0 <= raw.min() <= raw.max() < _RAW_IDS:
            raise file.error(f"the mask holds ids from {raw.min()} to {raw.max()}; give ids from 0 to {_RAW_IDS - 1}")
        return raw.astype(np.uint16)
    raise file.error(
        f"the mask is in {picture.mode} mode, not grey or palette; give masks of ids, "
        "or set the label map's encoding to color or red; or are images and masks swapped?"
    )


def _red(file: _File, picture: ImageFile) -> UInt8[np.ndarray, "H W"]:
    if picture.mode not in ("RGB", "RGBA") or _is_16_bit(picture):
        raise file.error("encoding red needs an 8-bit RGB mask; save its first channel as a grey PNG, encoding index")
    return _array(picture.getchannel(0))


def _colors(file: _File, picture: ImageFile) -> Image:
    if picture.mode not in ("RGB", "RGBA", "P") or _is_16_bit(picture):
        raise file.error("encoding color needs an 8-bit RGB or palette mask; use encoding index for ids")
    return _rgb(file, picture)


def _is_16_bit(picture: ImageFile) -> bool:
    """Tell if a channel has 16 bits; Pillow keeps only the high bytes of color images without a word."""
    return picture.mode.startswith("I;16") or any(";16" in str(tile.args) for tile in picture.tile)

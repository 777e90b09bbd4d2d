"""From files to pixels: an image as 8-bit RGB, its mask as ids of the label space, the hash of both.

Alpha is dropped, grey and palette images become RGB, profiles of color (ICC) are not applied: networks are trained so.
What a viewer would show otherwise is refused: `pictures/kinds.py` says what is read, `pictures/whole.py` what is whole.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow
from PIL.ImageFile import ImageFile

from reliseg.corruptions import Metres
from reliseg.data.base import DataSet, DecodedSample, Sample
from reliseg.data.depth import DepthFiles, metres_of
from reliseg.data.pictures.file import DEPTH, Header, PictureFile, Stored
from reliseg.data.pictures.kinds import (
    SCALED,
)
from reliseg.errors import ConfigError, DataError, SampleError, image_size_text
from reliseg.labels import UnlistedIdsError
from reliseg.types import Image, Truth, UInt8, UInt16

_RAW_IDS = 1 << 16
_STRIP = 128
"""Rows."""


def load(
    dataset: DataSet, sample: Sample, *, image: bool = True, admit: Callable[[int], None] | None = None
) -> DecodedSample:
    """Decode a sample, and corrupt it if it is to be. Without `image` only its header is decoded; its bytes are hashed
    all the same.

    `admit` is called with the number of pixels before any is decoded; it may wait.
    """
    return corrupt_sample(dataset, load_clean(dataset, sample, image=image, admit=admit), sample)


def corrupt_sample(dataset: DataSet, clean: DecodedSample, sample: Sample) -> DecodedSample:
    """Return a sample from what `load_clean` made of it, which is left as it is."""
    if sample.corruption is None or clean.image is None:
        return replace(clean, sample=sample, metres=None)
    if problem := sample.corruption.corruption.problem(clean.size):
        raise PictureFile(sample.id, dataset.file(sample.image)).error(problem)
    image = sample.corruption(clean.image, sample.id, clean.metres)
    return replace(clean, sample=sample, image=image, metres=None)


def load_clean(
    dataset: DataSet, sample: Sample, *, image: bool = True, admit: Callable[[int], None] | None = None
) -> DecodedSample:
    """Decode a sample as `load` does, without its corruption."""
    file = PictureFile(sample.id, dataset.file(sample.image))
    source, header = file.content()
    size = header.size
    digest = hashlib.sha256(source.getvalue())
    image_digest = digest.hexdigest()
    if admit is not None:
        admit(size[0] * size[1])
    truth = None
    if sample.mask is not None:  # before the image, whose pixels take more memory
        mask = PictureFile(sample.id, dataset.file(sample.mask), dataset.encoding)
        mask_source, of_mask = mask.content()
        digest.update(mask_source.getvalue())
        _check_size(mask, of_mask.size, size)
        truth = _truth(dataset, mask, mask_source, of_mask)
    metres = _metres(dataset, sample, size, digest, decode=image)
    pixels = file.decode(source, header, _rgb) if image else None
    if pixels is not None and sample.copy is not None:
        pixels = sample.copy(pixels)
    return DecodedSample(sample, size, pixels, truth, digest.hexdigest(), image_digest, metres)


def load_image(path: Path) -> Image:
    """Decode an image that is of no data set, as those of one are; a DataError says why it cannot be read."""
    file = PictureFile("", str(path))
    try:
        source, header = file.content()
        return file.decode(source, header, _rgb)
    except SampleError as error:
        raise DataError(error.problem) from error


def load_with_depth(path: Path, files: DepthFiles, dataset: DataSet) -> tuple[Image, Metres]:
    """Decode an image that is of no data set, and how far everything in it is, from maps as those of `dataset`.

    A DataError says what cannot be read.
    """
    sample = Sample("image/image", "image", str(path), None, depth=files)
    try:
        decoded = load_clean(replace(dataset, root=Path()), sample)
    except SampleError as error:
        raise DataError(error.problem) from error
    if decoded.image is None or decoded.metres is None:
        raise ConfigError(f"the spec of {dataset.name} names no depth maps; give it a table [depth]")
    return decoded.image, decoded.metres


def sample_sha256(dataset: DataSet, sample: Sample) -> tuple[str, str]:
    """Return the sha256 of a sample's files, and of its image alone, equal to those of `load`."""
    digest = hashlib.sha256(PictureFile(sample.id, dataset.file(sample.image)).read())
    image = digest.hexdigest()
    for path in sample.files[1:]:
        digest.update(PictureFile(sample.id, dataset.file(path)).read())
    return digest.hexdigest(), image


def image_sha256(dataset: DataSet, sample: Sample) -> str:
    """Return the sha256 of a sample's image file, equal to that of `load`, without decoding."""
    return hashlib.sha256(PictureFile(sample.id, dataset.file(sample.image)).read()).hexdigest()


def check_sizes(dataset: DataSet, sample: Sample) -> tuple[int, int]:
    """Return height and width; a SampleError if a header tells that a file is not read, or image and mask differ.

    No pixel is decoded.
    """
    image, mask = PictureFile(sample.id, dataset.file(sample.image)), sample.mask
    with image.stream() as stream:
        size = image.header(stream).size
    if mask is not None:
        file = PictureFile(sample.id, dataset.file(mask), dataset.encoding)
        with file.stream() as stream:
            _check_size(file, file.header(stream).size, size)
    if sample.depth is not None:
        depth = PictureFile(sample.id, dataset.file(sample.depth.map), DEPTH)
        with depth.stream() as stream:
            _check_size(depth, depth.header(stream).size, size)
    return size


def mask_colors(dataset: DataSet, sample: Sample) -> UInt8[np.ndarray, "colors 3"] | None:
    """Return the palette of a sample's mask, by index; None where it has none. No pixel is decoded."""
    file = PictureFile(sample.id, dataset.file(str(sample.mask)), dataset.encoding)
    with file.picture() as picture:
        palette = picture.palette
        if picture.mode != "P" or palette is None or palette.rawmode not in ("RGB", None):
            return None
        colors = np.frombuffer(bytes(palette.palette), np.uint8)
        return colors[: len(colors) // 3 * 3].reshape(-1, 3)


def _check_size(file: PictureFile, found: tuple[int, int], size: tuple[int, int]) -> None:
    if found != size:
        own, other = image_size_text(found), image_size_text(size)
        if file.encoding == DEPTH:
            raise file.error(f"the depth map has {own}, and the image {other}; give a depth map of the image's size")
        raise file.error(f"the mask has {own}, and the image {other}; give a mask of the image's size")


def _rgb(picture: ImageFile, stored: Stored) -> Image:
    pixels = np.empty((picture.height, picture.width, 3), np.uint8)
    hidden = picture.mode in ("P", "PA") and "transparency" in picture.info
    for rows, strip in _strips(picture):
        if picture.mode == "P" and np.asarray(strip).max() >= stored.colors:
            raise ValueError(f"it uses more colors than the {stored.colors} of its palette")
        shown = strip.convert("RGBA") if hidden else strip
        pixels[rows] = np.asarray(shown if shown.mode == "RGB" else shown.convert("RGB"))
    return pixels


def _strips(picture: Pillow.Image) -> Iterator[tuple[slice, Pillow.Image]]:
    """Yield bands of rows: Pillow makes a picture of all it converts, and a string of all it hands over."""
    if picture.height <= _STRIP:
        yield slice(0, picture.height), picture
        return
    for start in range(0, picture.height, _STRIP):
        stop = min(start + _STRIP, picture.height)
        yield slice(start, stop), picture.crop((0, start, picture.width, stop))


def _truth(dataset: DataSet, file: PictureFile, source: BytesIO, header: Header) -> Truth:
    readers: dict[str, Callable[[ImageFile, Stored], Any]] = {"color": _rgb, "red": _red, "index": partial(_ids, file)}
    pixels = file.decode(source, header, readers[dataset.encoding])
    try:
        return dataset.label_map(pixels)
    except UnlistedIdsError as error:
        advice = "correct the palette" if dataset.encoding == "color" else "give every id a role in label_map"
        raise file.error(f"{error}; {advice}, or set unlisted: void") from error


def _metres(
    dataset: DataSet, sample: Sample, size: tuple[int, int], digest: "hashlib._Hash", *, decode: bool
) -> Metres | None:
    """Return how far everything is, where the sample says which files tell it; their bytes go to `digest`."""
    if sample.depth is None or dataset.depth is None:
        return None
    file = PictureFile(sample.id, dataset.file(sample.depth.map), DEPTH)
    source, header = file.content()
    digest.update(source.getvalue())
    camera = b""
    if sample.depth.camera:
        camera = PictureFile(sample.id, dataset.file(sample.depth.camera)).read()
        digest.update(camera)
    _check_size(file, header.size, size)
    if not decode:
        return None
    stored = file.decode(source, header, partial(_ids, file))
    try:
        return metres_of(dataset.depth, stored.astype(np.uint16), camera)
    except ValueError as error:
        raise file.error(f"{error}; correct the file, or depth in the spec") from error


def _red(picture: ImageFile, _: Stored) -> UInt8[np.ndarray, "H W"]:
    pixels = np.empty((picture.height, picture.width), np.uint8)
    for rows, strip in _strips(picture):
        pixels[rows] = np.asarray(strip.getchannel(0))
    return pixels


def _ids(file: PictureFile, picture: ImageFile, stored: Stored) -> UInt8[np.ndarray, "H W"] | UInt16[np.ndarray, "H W"]:
    """Return the stored ids of a grey or palette mask (a palette's indices, not its colors)."""
    is_narrow = picture.mode in ("1", "L", "P")
    ids = np.empty((picture.height, picture.width), np.uint8 if is_narrow else np.uint16)
    bounds: list[int] = []
    for rows, strip in _strips(picture):
        values = np.asarray(strip)
        bounds += int(values.min()), int(values.max())
        ids[rows] = values // SCALED[stored.raw] if stored.raw in SCALED else values
    low, high = min(bounds), max(bounds)
    if not 0 <= low <= high < _RAW_IDS:
        raise file.error(f"the mask holds ids from {low} to {high}; give ids from 0 to {_RAW_IDS - 1}")
    return ids

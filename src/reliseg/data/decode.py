"""From files to pixels: an image as 8-bit RGB, its mask as ids of the label space, the hash of both.

Alpha is dropped, grey and palette images become RGB, profiles of color (ICC) are not applied: networks are trained so.
What a viewer would show otherwise is refused: `pictures/kinds.py` says what is read, `pictures/whole.py` what is whole.
"""

import hashlib
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image as Pillow
from PIL import ImageFile as PillowFiles
from PIL import UnidentifiedImageError
from PIL.ImageFile import ImageFile

from reliseg.corruptions import Metres
from reliseg.data.base import DataSet, DecodedSample, Sample
from reliseg.data.depth import DepthFiles, metres_of
from reliseg.data.pictures.budget import PixelBudget
from reliseg.data.pictures.kinds import (
    FORMATS,
    SCALED,
    USUAL_BYTES,
    bytes_per_pixel,
    depth_problem,
    file_problem,
    image_problem,
    mask_problem,
    palette_colors,
    raw_mode,
)
from reliseg.data.pictures.whole import whole_file
from reliseg.errors import ConfigError, DataError, SampleError, image_size_text, one_line
from reliseg.labels import UnlistedIdsError
from reliseg.remote import FetchError, RemoteFile
from reliseg.runtime.regular_files import open_regular, read_open, reason_of, size_text
from reliseg.types import Image, Truth, UInt8, UInt16

PIXEL_LIMIT = 125_000_000
"""Larger images are refused, as small files may unpack to them: decoding takes up to 8 bytes per pixel, 1 GB in all.

Of formats that take more, the limit is lower.
"""
FILE_LIMIT = 1 << 29
"""Bytes: as many as the largest picture takes without compression, and its header."""
# Pillow's own limit warns about images that are legitimate here, and about larger ones before they are refused.
Pillow.MAX_IMAGE_PIXELS = max(Pillow.MAX_IMAGE_PIXELS or 0, 1 << 28)

_DECODING = PixelBudget(PIXEL_LIMIT)
"""Of all threads together."""
_SMALL_FILE, _BYTES_PER_PIXEL = 1 << 26, 8
"""Up to so many bytes a file is read at once; of a larger one first the header, which tells how many it may have."""
_RAW_IDS = 1 << 16
_DEPTH = "depth"
_STRIP = 128
"""Rows."""


# Neither belongs on a user's terminal: what is wrong with a file is said once, by its error.
for category in (UserWarning, Pillow.DecompressionBombWarning):
    warnings.filterwarnings("ignore", category=category, module=r"PIL\.")
logging.getLogger("PIL").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Stored:
    """How the pixels of a file are stored: Pillow's word for it, and the number of colors in its palette."""

    raw: str
    colors: int


@dataclass(frozen=True)
class _Header:
    """What the header of a picture says."""

    size: tuple[int, int]
    kind: str
    """Pillow's word for the format."""
    bytes_per_pixel: int

    @property
    def weight(self) -> int:
        """What decoding it takes, in pixels of an image of the usual kind."""
        return self.size[0] * self.size[1] * self.bytes_per_pixel // USUAL_BYTES


@dataclass(frozen=True)
class _File:
    """A file of a sample, for messages. `encoding` is that of a mask, `depth`, or None for an image."""

    sample: str
    path: str | RemoteFile
    encoding: str | None = None

    def error(self, problem: str) -> SampleError:
        return SampleError(self.sample, f"{self.path}: {problem}")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Whatever goes wrong with the file within becomes a SampleError."""
        try:
            yield
        except (SampleError, MemoryError):  # the file may be whole
            raise
        except UnidentifiedImageError as error:
            raise self.error("not an image, or of an unknown format; replace the file") from error
        except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning) as error:
            raise self.error(f"too large; the limit is {PIXEL_LIMIT} pixels: cut it into tiles") from error
        except Exception as error:  # decoders of broken files raise anything
            problem = one_line(error) or type(error).__name__
            raise self.error(f"cannot be decoded ({problem}); copy or create the file again") from error

    @contextmanager
    def stream(self) -> Iterator[BinaryIO]:
        """Open the file for its header; one that lies outside this machine is fetched as a whole."""
        if isinstance(self.path, RemoteFile):
            yield BytesIO(self._fetched(self.path))
        else:
            with self._opened(self.path) as stream:
                yield stream

    def content(self) -> tuple[BytesIO, _Header]:
        """Return the bytes of the file, held by nobody else, and what the header of the picture says."""
        if isinstance(self.path, RemoteFile):
            source = BytesIO(self._fetched(self.path))
            return source, self.header(source)
        with self._opened(self.path) as stream:
            length = os.fstat(stream.fileno()).st_size
            if length > _SMALL_FILE:
                height, width = self.header(stream).size
                if length > _SMALL_FILE + _BYTES_PER_PIXEL * height * width:
                    raise self.error(
                        f"it has {size_text(length)}, too many for {image_size_text((height, width))}; copy it again"
                    )
            source = BytesIO(self._bytes(stream))
        return source, self.header(source)

    def read(self) -> bytes:
        if isinstance(self.path, RemoteFile):
            return self._fetched(self.path)
        with self._opened(self.path) as stream:
            return self._bytes(stream)

    @contextmanager
    def _opened(self, path: str) -> Iterator[BufferedReader]:
        try:
            stream = open_regular(path, FILE_LIMIT)
        except OSError as error:
            raise self._unreadable(error) from error
        with stream:
            if not os.fstat(stream.fileno()).st_size:
                raise self.error("the file is empty; copy it again")
            yield stream

    def _bytes(self, stream: BufferedReader) -> bytes:
        try:
            return read_open(stream)
        except OSError as error:
            raise self._unreadable(error) from error

    def _fetched(self, file: RemoteFile) -> bytes:
        try:
            data = file.read(FILE_LIMIT)
        except FetchError as error:
            raise self.error(f"{error.strerror}; {error.advice}") from error
        if not data:
            raise self.error("the file is empty; copy it again")
        return data

    def header(self, source: BinaryIO) -> _Header:
        """Return what the header says; a SampleError if it tells that the file is not read. Decode nothing."""
        with self.reading(), Pillow.open(source, formats=_formats()) as picture:
            size = picture.height, picture.width
            header = _Header(size, str(picture.format), bytes_per_pixel(picture))
            limit = PIXEL_LIMIT * USUAL_BYTES // header.bytes_per_pixel
            if picture.width * picture.height > limit:
                raise self.error(
                    f"{image_size_text(size)}; the limit is {limit} pixels in all for {picture.format} files: "
                    "cut it into tiles"
                )
            if self.encoding is None:
                problem = image_problem(picture, source)
            elif self.encoding == _DEPTH:
                problem = depth_problem(picture, source)
            else:
                problem = mask_problem(picture, source, self.encoding)
            if problem := problem or file_problem(picture, source):
                raise self.error(problem)
        return header

    def decode(self, source: BytesIO, header: _Header, pixels: Callable[[ImageFile, Stored], Any]) -> Any:
        """Return the pixels of a picture with this header, after the file was found whole. Large ones wait for others.

        The source is closed: neither its bytes nor inflated ones are kept while decoded pixels are copied.
        """

        def opened() -> ImageFile:
            return Pillow.open(source, formats=_formats())

        with self.reading(), _DECODING.hold(header.weight):
            PillowFiles.LOAD_TRUNCATED_IMAGES = False  # others ask for half pictures, of the whole process
            whole = whole_file(header.kind, source.getvalue(), opened)
            source.close()
            with Pillow.open(whole, formats=_formats()) as picture:
                stored = Stored(raw_mode(picture), palette_colors(picture))
                picture.load()
                whole.close()
                return pixels(picture, stored)

    def _unreadable(self, error: OSError) -> SampleError:
        return self.error(f"cannot be read ({reason_of(error)}); check the file")


@cache
def _formats() -> tuple[str, ...]:
    Pillow.init()
    return tuple(name for name in FORMATS if name in Pillow.OPEN)


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
        raise _File(sample.id, dataset.file(sample.image)).error(problem)
    image = sample.corruption(clean.image, sample.id, clean.metres)
    return replace(clean, sample=sample, image=image, metres=None)


def load_clean(
    dataset: DataSet, sample: Sample, *, image: bool = True, admit: Callable[[int], None] | None = None
) -> DecodedSample:
    """Decode a sample as `load` does, without its corruption."""
    file = _File(sample.id, dataset.file(sample.image))
    source, header = file.content()
    size = header.size
    digest = hashlib.sha256(source.getvalue())
    image_digest = digest.hexdigest()
    if admit is not None:
        admit(size[0] * size[1])
    truth = None
    if sample.mask is not None:  # before the image, whose pixels take more memory
        mask = _File(sample.id, dataset.file(sample.mask), dataset.encoding)
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
    file = _File("", str(path))
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
    digest = hashlib.sha256(_File(sample.id, dataset.file(sample.image)).read())
    image = digest.hexdigest()
    for path in sample.files[1:]:
        digest.update(_File(sample.id, dataset.file(path)).read())
    return digest.hexdigest(), image


def image_sha256(dataset: DataSet, sample: Sample) -> str:
    """Return the sha256 of a sample's image file, equal to that of `load`, without decoding."""
    return hashlib.sha256(_File(sample.id, dataset.file(sample.image)).read()).hexdigest()


def check_sizes(dataset: DataSet, sample: Sample) -> tuple[int, int]:
    """Return height and width; a SampleError if a header tells that a file is not read, or image and mask differ.

    No pixel is decoded.
    """
    image, mask = _File(sample.id, dataset.file(sample.image)), sample.mask
    with image.stream() as stream:
        size = image.header(stream).size
    if mask is not None:
        file = _File(sample.id, dataset.file(mask), dataset.encoding)
        with file.stream() as stream:
            _check_size(file, file.header(stream).size, size)
    if sample.depth is not None:
        depth = _File(sample.id, dataset.file(sample.depth.map), _DEPTH)
        with depth.stream() as stream:
            _check_size(depth, depth.header(stream).size, size)
    return size


def mask_colors(dataset: DataSet, sample: Sample) -> UInt8[np.ndarray, "colors 3"] | None:
    """Return the palette of a sample's mask, by index; None where it has none. No pixel is decoded."""
    file = _File(sample.id, dataset.file(str(sample.mask)), dataset.encoding)
    with file.stream() as stream, file.reading(), Pillow.open(stream, formats=_formats()) as picture:
        palette = picture.palette
        if picture.mode != "P" or palette is None or palette.rawmode not in ("RGB", None):
            return None
        colors = np.frombuffer(bytes(palette.palette), np.uint8)
        return colors[: len(colors) // 3 * 3].reshape(-1, 3)


def _check_size(file: _File, found: tuple[int, int], size: tuple[int, int]) -> None:
    if found != size:
        own, other = image_size_text(found), image_size_text(size)
        if file.encoding == _DEPTH:
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


def _truth(dataset: DataSet, file: _File, source: BytesIO, header: _Header) -> Truth:
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
    file = _File(sample.id, dataset.file(sample.depth.map), _DEPTH)
    source, header = file.content()
    digest.update(source.getvalue())
    camera = b""
    if sample.depth.camera:
        camera = _File(sample.id, dataset.file(sample.depth.camera)).read()
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


def _ids(file: _File, picture: ImageFile, stored: Stored) -> UInt8[np.ndarray, "H W"] | UInt16[np.ndarray, "H W"]:
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

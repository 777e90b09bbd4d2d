"""A picture file of a sample: read, held to its header and its checksums, and decoded within the memory there is."""

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import BufferedReader, BytesIO
from typing import Any, BinaryIO

from PIL import Image as Pillow
from PIL import ImageFile as PillowFiles
from PIL import UnidentifiedImageError
from PIL.ImageFile import ImageFile

from reliseg.data.pictures.budget import PixelBudget
from reliseg.data.pictures.kinds import (
    FORMATS,
    USUAL_BYTES,
    bytes_per_pixel,
    depth_problem,
    file_problem,
    image_problem,
    mask_problem,
    palette_colors,
    raw_mode,
)
from reliseg.data.pictures.png import beside_pixels
from reliseg.data.pictures.whole import whole_file
from reliseg.errors import SampleError, image_size_text, one_line
from reliseg.remote import FetchError, RemoteFile
from reliseg.runtime.regular_files import open_regular, read_open, reason_of, size_text

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

DEPTH = "depth"
"""The encoding of depth maps."""


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
class Header:
    """What the header of a picture says."""

    size: tuple[int, int]
    kind: str
    """Pillow's word for the format."""
    bytes_per_pixel: int

    @property
    def weight(self) -> int:
        """What decoding it takes, in pixels of an image of the usual kind."""
        return self.size[0] * self.size[1] * self.bytes_per_pixel // USUAL_BYTES


_HEADERS: dict[tuple[bytes, str | None], Header] = {}
"""Of PNG files that can be read, by what determines that: all in the file but its pixels, and the encoding."""
_MOST_HEADERS = 256


@dataclass(frozen=True)
class PictureFile:
    """A picture of a sample: an image, or a mask or depth map, which have an `encoding`. Errors name both."""

    sample: str
    path: str | RemoteFile
    encoding: str | None = None

    def error(self, problem: str) -> SampleError:
        """Return the error that says what is wrong with it."""
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

    def content(self) -> tuple[BytesIO, Header]:
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
        """Return the bytes of the file."""
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

    @contextmanager
    def picture(self) -> Iterator[ImageFile]:
        """Open the file for what its header says beside a size."""
        with self.stream() as stream, self.reading(), Pillow.open(stream, formats=_formats()) as picture:
            yield picture

    def header(self, source: BinaryIO) -> Header:
        """Return what the header says; a SampleError if it tells that the file is not read. Decode nothing.

        The files of a data set mostly have equal headers. Of PNG files, each different one is looked at once.
        """
        beside = beside_pixels(source)
        known = None if beside is None else _HEADERS.get((beside, self.encoding))
        if known is not None:
            return known
        header = self._header(source)
        if beside is not None:
            if len(_HEADERS) >= _MOST_HEADERS:
                _HEADERS.clear()
            _HEADERS[beside, self.encoding] = header
        return header

    def _header(self, source: BinaryIO) -> Header:
        with self.reading(), Pillow.open(source, formats=_formats()) as picture:
            size = picture.height, picture.width
            header = Header(size, str(picture.format), bytes_per_pixel(picture))
            limit = PIXEL_LIMIT * USUAL_BYTES // header.bytes_per_pixel
            if picture.width * picture.height > limit:
                raise self.error(
                    f"{image_size_text(size)}; the limit is {limit} pixels in all for {picture.format} files: "
                    "cut it into tiles"
                )
            if self.encoding is None:
                problem = image_problem(picture, source)
            elif self.encoding == DEPTH:
                problem = depth_problem(picture, source)
            else:
                problem = mask_problem(picture, source, self.encoding)
            if problem := problem or file_problem(picture, source):
                raise self.error(problem)
        return header

    def decode(self, source: BytesIO, header: Header, pixels: Callable[[ImageFile, Stored], Any]) -> Any:
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

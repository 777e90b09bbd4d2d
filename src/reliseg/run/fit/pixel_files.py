"""Sampled pixels on disk: written image by image, read as if in memory."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, overload

import numpy as np

from reliseg.calibration import Part
from reliseg.runtime.atomic_files import naming
from reliseg.types import Float32, UInt8

OPEN_SHARDS = 64
"""The shards whose files stay open while pixels are read."""


class PixelWriter:
    """Logits and labels of the pixels of a shard, as two `.npy` files that grow by an image at a time.

    Memory holds one image. The files are there whole, when the block ends without an error, or not at all.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pixels = 0
        self._columns = 0

    def __enter__(self) -> "PixelWriter":
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._files = [file.open("wb") for file in self._temporary_files()]
        return self

    def add(self, logits: Float32[np.ndarray, "p y"], labels: UInt8[np.ndarray, " p"]) -> int:
        """Append the pixels of an image; return their number."""
        if not self._columns:
            self._columns = logits.shape[1]
            self._write_headers()
        self._pixels += len(labels)
        for file, path, array in zip(self._files, pixel_files(self._path), (logits, labels), strict=True):
            with naming(path):
                file.write(np.ascontiguousarray(array).data)
        return len(labels)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        temporary = self._temporary_files()
        try:
            if kind is None and self._columns:
                self._write_headers()
                for file, path, final in zip(self._files, temporary, pixel_files(self._path), strict=True):
                    _close(file)
                    path.replace(final)
        finally:
            for file, path in zip(self._files, temporary, strict=True):
                with suppress(OSError):  # what is not on the disk yet is not wanted any more
                    file.close()
                path.unlink(missing_ok=True)

    def _write_headers(self) -> None:
        """The number of pixels is known at the end; NumPy leaves room for it to grow."""
        kinds = (("<f4", (self._columns,)), ("|u1", ()))
        for file, path, (dtype, shape) in zip(self._files, pixel_files(self._path), kinds, strict=True):
            header = {"descr": dtype, "fortran_order": False, "shape": (self._pixels, *shape)}
            with naming(path):
                file.seek(0)
                np.lib.format.write_array_header_1_0(file, header)

    def _temporary_files(self) -> list[Path]:
        return [file.with_name(f".{file.name}.{os.getpid()}.tmp") for file in pixel_files(self._path)]


def read_pixels(path: Path) -> tuple[Float32[np.ndarray, "p y"], UInt8[np.ndarray, " p"]]:
    """Return the logits and labels of a shard, memory-mapped."""
    logits, labels = (np.load(file, mmap_mode="r") for file in pixel_files(path))
    return logits, labels


@dataclass(frozen=True, eq=False)
class Share(Sequence[Part]):
    """The first pixels of each image of some shards, as runs of pixels that lie side by side.

    Images that follow each other may lie in different shards. The files of some shards stay open while all are gone
    through: there may be more of them than a process can hold open.
    """

    runs: tuple[tuple[Path, int, int], ...]
    """The shard, and where the run begins and ends."""

    @overload
    def __getitem__(self, place: int) -> Part: ...
    @overload
    def __getitem__(self, place: slice) -> "Share": ...
    def __getitem__(self, place: int | slice) -> "Part | Share":
        return Share(self.runs[place]) if isinstance(place, slice) else next(iter(Share((self.runs[place],))))

    def __iter__(self) -> Iterator[Part]:
        opened = lru_cache(OPEN_SHARDS)(read_pixels)
        for path, start, stop in self.runs:
            logits, labels = opened(path)
            yield logits[start:stop], labels[start:stop]

    def __len__(self) -> int:
        return len(self.runs)


def pixel_runs(path: Path, pixels: Sequence[int], quota: int) -> Iterator[tuple[Path, int, int]]:
    """Yield where the first `quota` pixels of each image of a shard lie, which holds so many `pixels` of each."""
    start = 0
    for n in pixels:
        yield path, start, start + min(n, quota)
        start += n


def join_runs(runs: Iterable[tuple[Path, int, int]]) -> Iterator[tuple[Path, int, int]]:
    """Yield the same pixels, in one run where a run begins at the end of the one before."""
    path, start, stop = None, 0, 0
    for of, first, last in runs:
        if (of, first) == (path, stop):
            stop = last
            continue
        if path is not None:
            yield path, start, stop
        path, start, stop = of, first, last
    if path is not None:
        yield path, start, stop


def bytes_of_pixel(columns: int) -> int:
    """Return what a pixel takes on disk: logits as float32, and its label."""
    return 4 * columns + 1


def _close(file: BinaryIO) -> None:
    """Close a file when it is on the disk; an OSError names it."""
    with naming(Path(file.name)), file:
        file.flush()
        os.fsync(file.fileno())


def pixel_files(path: Path) -> list[Path]:
    """Return the files of a shard's logits and labels."""
    return [path.with_suffix(".logits.npy"), path.with_suffix(".labels.npy")]

"""Sampled pixels on disk: written image by image, read as if in memory."""

import os
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
from jaxtyping import Float32, UInt8


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
        self._files = [file.open("wb") for file in self._temporary()]
        return self

    def add(self, logits: Float32[np.ndarray, "p y"], labels: UInt8[np.ndarray, " p"]) -> int:
        """Append the pixels of an image; their number."""
        if not self._columns:
            self._columns = logits.shape[1]
            self._write_headers()
        self._pixels += len(labels)
        for file, array in zip(self._files, (logits, labels), strict=True):
            file.write(np.ascontiguousarray(array).data)
        return len(labels)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        whole = kind is None and self._columns > 0
        if whole:
            self._write_headers()
        for file, temporary, final in zip(self._files, self._temporary(), _files(self._path), strict=True):
            if whole:
                _close(file)
                temporary.replace(final)
            else:
                file.close()
                temporary.unlink()

    def _write_headers(self) -> None:
        """The number of pixels is known at the end; NumPy leaves room for it to grow."""
        for file, dtype, shape in zip(self._files, ("<f4", "|u1"), ((self._columns,), ()), strict=True):
            file.seek(0)
            header = {"descr": dtype, "fortran_order": False, "shape": (self._pixels, *shape)}
            np.lib.format.write_array_header_1_0(file, header)

    def _temporary(self) -> list[Path]:
        return [file.with_name(f".{file.name}.{os.getpid()}.tmp") for file in _files(self._path)]


def read_pixels(path: Path) -> tuple[Float32[np.ndarray, "p y"], UInt8[np.ndarray, " p"]]:
    """Logits and labels of a shard, memory-mapped."""
    logits, labels = (np.load(file, mmap_mode="r") for file in _files(path))
    return logits, labels


def bytes_of_pixel(columns: int) -> int:
    """What a pixel takes on disk: logits as float32, and its label."""
    return 4 * columns + 1


def _close(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()


def _files(path: Path) -> list[Path]:
    return [path.with_suffix(".logits.npy"), path.with_suffix(".labels.npy")]

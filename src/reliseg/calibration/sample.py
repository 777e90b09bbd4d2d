"""The data that calibrations are fitted on: sampled pixels and whole images; and where training runs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from reliseg.prediction import Prediction
from reliseg.types import Float32, Float64, Int64, Truth, UInt8

PixelLogits: TypeAlias = Float32[np.ndarray, "p y"]
"""Logits of pixels in the data set's classes, a row each; the last column is that of `other`."""
PixelLabels: TypeAlias = UInt8[np.ndarray, " p"]
PixelIndices: TypeAlias = Int64[np.ndarray, " p"]
"""A number for each pixel: of its group, its column, its image .."""
PixelValues: TypeAlias = Float64[np.ndarray, " p"]
InverseTemperatures: TypeAlias = Float64[np.ndarray, " g"]
"""1/T of each group of pixels."""


@dataclass(frozen=True)
class SampledImage:
    """One image of a calibration sample: its id, the number of its pixels, its pooled feature if it has one."""

    id: str
    pixels: int
    feature: tuple[float, ...] | None = None


@dataclass(frozen=True, eq=False)
class WholeImage:
    """An image to train on: its projected prediction (with the image itself, if that was asked for) and its labels.

    Arrays may be memory-mapped.
    """

    id: str
    prediction: Prediction
    truth: Truth


Part: TypeAlias = tuple[Float32[np.ndarray, "_ y"], UInt8[np.ndarray, " _"]]
"""Logits and labels of some pixels."""

Stage: TypeAlias = Callable[[str, int], Callable[[], None]]
"""Is told the title of a stage and its number of steps; returns what is called after each step."""


def _ignore_stage(title: str, steps: int) -> Callable[[], None]:
    return lambda: None


@dataclass(frozen=True)
class Training:
    """Where calibrators train: a device (`auto`, `cpu`, `cuda` or `cuda:i`), threads on the CPU; whom they tell."""

    device: str = "cpu"
    threads: int = 1
    stage: Stage = _ignore_stage


@dataclass(frozen=True, eq=False)
class CalibrationSample:
    """Counted pixels of a calibration split: logits in the data set's classes, and labels.

    Parts may be memory-mapped, and opened anew whenever they are asked for; they stand in the order of sample ids, as
    `images` do. How pixels are divided into parts changes nothing. Columns that no model class goes to are -inf; pixels
    labelled so are left out.
    """

    parts: Sequence[Part]
    images: Sequence[SampledImage] = ()
    whole: Sequence[WholeImage] = ()
    """Some of the images, for calibrators that need them: each item may be opened anew whenever it is asked for."""
    training: Training = Training()

    def blocks(self, pixels: int = 1 << 16) -> Iterator[tuple[PixelLogits, PixelLabels]]:
        """Yield all pixels, so many at a time: only the last block may have fewer."""
        pieces: list[Part] = []
        room = pixels
        for logits, labels in self.parts:
            start = 0
            while start < len(labels):
                pieces.append((logits[start : start + room], labels[start : start + room]))
                size = len(pieces[-1][1])
                start += size
                room -= size
                if not room:
                    yield _join(pieces)
                    pieces, room = [], pixels
        if pieces:
            yield _join(pieces)

    def blocks_with_groups(
        self, group: Callable[[PixelLogits, PixelIndices], PixelIndices] | None = None, pixels: int = 1 << 16
    ) -> Iterator[tuple[PixelLogits, PixelLabels, PixelIndices]]:
        """Yield blocks with the group of each pixel, from its logits and the index of its image; one group if None."""
        ends = np.cumsum([image.pixels for image in self.images])
        first = 0
        for logits, labels in self.blocks(pixels):
            places = np.arange(first, first + len(labels))
            first += len(labels)
            if group is None:
                yield logits, labels, np.zeros(len(labels), np.int64)
            else:
                yield logits, labels, group(logits, np.searchsorted(ends, places, side="right"))

    def is_constant(self) -> bool:
        """Return whether the logits of every pixel are all equal, so that no temperature changes anything."""
        for z, _ in self.blocks():
            finite = np.isfinite(z)
            if (np.where(finite, z, -np.inf).max(axis=1) != np.where(finite, z, np.inf).min(axis=1)).any():
                return False
        return True

    def __len__(self) -> int:
        return sum(len(labels) for _, labels in self.parts)


def _join(parts: list[Part]) -> Part:
    """Return parts as one; a single one is not copied."""
    logits, labels = zip(*parts, strict=True)
    if len(parts) == 1:
        return np.asarray(logits[0]), np.asarray(labels[0])
    return np.concatenate(logits), np.concatenate(labels)

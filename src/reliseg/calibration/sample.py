"""What calibrations are fitted on: sampled pixels, whole images, and where training runs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8

from reliseg.prediction import Prediction
from reliseg.types import Truth

Logits: TypeAlias = Float32[np.ndarray, "p y"]


Labels: TypeAlias = UInt8[np.ndarray, " p"]


Groups: TypeAlias = Int64[np.ndarray, " p"]
Slopes: TypeAlias = Float64[np.ndarray, " g"]


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
"""Says that a stage of so many steps begins; what it gives is called after each step."""


def _silent(title: str, steps: int) -> Callable[[], None]:
    return lambda: None


@dataclass(frozen=True)
class Training:
    """Where calibrators train: a device (`auto`, `cpu`, `cuda` or `cuda:i`), threads on the CPU, who is told."""

    device: str = "cpu"
    threads: int = 1
    stage: Stage = _silent


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

    def blocks(self, pixels: int = 1 << 16) -> Iterator[tuple[Logits, Labels]]:
        """All pixels, so many at a time: only the last block may have fewer."""
        held: list[Part] = []
        room = pixels
        for logits, labels in self.parts:
            start = 0
            while start < len(labels):
                held.append((logits[start : start + room], labels[start : start + room]))
                taken = len(held[-1][1])
                start += taken
                room -= taken
                if not room:
                    yield _joined(held)
                    held, room = [], pixels
        if held:
            yield _joined(held)

    def grouped(
        self, group: Callable[[Logits, Groups], Groups] | None = None, pixels: int = 1 << 16
    ) -> Iterator[tuple[Logits, Labels, Groups]]:
        """Blocks with the group of each pixel, told from its logits and the index of its image; one group if None."""
        ends = np.cumsum([image.pixels for image in self.images])
        done = 0
        for logits, labels in self.blocks(pixels):
            places = np.arange(done, done + len(labels))
            done += len(labels)
            if group is None:
                yield logits, labels, np.zeros(len(labels), np.int64)
            else:
                yield logits, labels, group(logits, np.searchsorted(ends, places, side="right"))

    def is_constant(self) -> bool:
        """Whether the logits of every pixel are all equal, so that no temperature changes anything."""
        return all(
            bool(
                (
                    np.where(np.isfinite(z), z, -np.inf).max(axis=1) == np.where(np.isfinite(z), z, np.inf).min(axis=1)
                ).all()
            )
            for z, _ in self.blocks()
        )

    def __len__(self) -> int:
        return sum(len(labels) for _, labels in self.parts)


def _joined(parts: list[Part]) -> Part:
    """Parts as one; a single one is not copied."""
    logits, labels = zip(*parts, strict=True)
    if len(parts) == 1:
        return np.asarray(logits[0]), np.asarray(labels[0])
    return np.concatenate(logits), np.concatenate(labels)

"""Whole images of a calibration split, on disk while calibrators train on them: memory does not grow with them."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import overload

import numpy as np

from reliseg.calibration import WholeImage
from reliseg.labels import Projection
from reliseg.prediction import Prediction
from reliseg.runtime.atomic_files import write_atomically
from reliseg.types import Truth

MAX_IMAGES = 500
"""Images of a split that are stored at most."""


def select_images(names: Iterable[str], seed: int, most: int = MAX_IMAGES) -> frozenset[str]:
    """Return the images to store: a random choice that depends on the seed and on their names, not on the order."""

    def rank(name: str) -> bytes:
        return hashlib.sha256(f"{seed} {name}".encode()).digest()

    return frozenset(sorted(set(names), key=rank)[:most])


def save_image(base: Path, prediction: Prediction, truth: Truth, *, image: bool) -> None:
    """Write the native logits, the labels and, if asked for, the image: each file whole or not at all."""
    arrays = {"logits": prediction.logits, "labels": truth}
    if image:
        assert prediction.image is not None, "the images were asked for"
        arrays["image"] = prediction.image
    for name, array in arrays.items():
        write_atomically(_path(base, name), partial(np.save, arr=array))


def image_files(base: Path) -> list[Path]:
    """Return the files that lie there of an image."""
    return sorted(base.parent.glob(f"{base.name}.*.npy"))


def bytes_of_image(native: int, pixels: int, *, image: bool) -> int:
    """Return what an image with so many native logits takes on disk."""
    return 4 * native + (4 if image else 1) * pixels


@dataclass(frozen=True)
class StoredImage:
    """Where an image lies, and what its files do not say."""

    id: str
    base: Path
    align_corners: bool
    projection: Projection
    image: bool

    def open(self) -> WholeImage:
        """Open the image with memory-mapped arrays: its files are open for as long as these are used."""
        logits, truth = (np.load(_path(self.base, name), mmap_mode="r") for name in ("logits", "labels"))
        image = np.load(_path(self.base, "image"), mmap_mode="r") if self.image else None
        prediction = Prediction(logits, truth.shape, self.align_corners, projection=self.projection, image=image)
        return WholeImage(self.id, prediction, truth)


@dataclass(frozen=True)
class StoredImages(Sequence[WholeImage]):
    """The images in the order of their ids; each is opened when it is asked for."""

    entries: tuple[StoredImage, ...]

    @classmethod
    def of(cls, entries: Collection[StoredImage]) -> "StoredImages":
        """Sort them by id."""
        return cls(tuple(sorted(entries, key=lambda e: e.id)))

    @overload
    def __getitem__(self, place: int) -> WholeImage: ...
    @overload
    def __getitem__(self, place: slice) -> "StoredImages": ...
    def __getitem__(self, place: int | slice) -> "WholeImage | StoredImages":
        return StoredImages(self.entries[place]) if isinstance(place, slice) else self.entries[place].open()

    def __len__(self) -> int:
        return len(self.entries)


def _path(base: Path, name: str) -> Path:
    return base.with_name(f"{base.name}.{name}.npy")

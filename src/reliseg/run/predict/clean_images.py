"""Decoded images that are corrupted in several ways: each is decoded once, while there is room for it."""

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TypeAlias

from reliseg.data import DataSet, DecodedSample, Sample

PIXELS = 48_000_000
"""Of the images that are kept: 192 MB with their masks, those of 23 images of two megapixels."""

_Key: TypeAlias = tuple[int, Sample]


@dataclass(frozen=True, eq=False)
class _Kept:
    dataset: DataSet
    """Held, so that no other one gets its number."""
    state: str
    sample: DecodedSample

    @property
    def pixels(self) -> int:
        """How many of an image and a mask take as much; the depth of a pixel takes as much as both."""
        return self.sample.size[0] * self.sample.size[1] * (1 if self.sample.metres is None else 2)


@dataclass(eq=False)
class CleanImages:
    """The images that were asked for last, by sample. For any number of threads."""

    limit: int = PIXELS
    _lock: Lock = field(default_factory=Lock, init=False)
    _kept: OrderedDict[_Key, _Kept] = field(default_factory=OrderedDict, init=False)
    _pixels: int = field(default=0, init=False)

    def find(self, dataset: DataSet, sample: Sample, state: str) -> DecodedSample | None:
        """Return a sample without its corruption, if it is kept and its files are in the same state as then."""
        key = _key(dataset, sample)
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or sample.corruption is None or not state or kept.state != state:
                return None
            self._kept.move_to_end(key)
            return kept.sample

    def keep(self, dataset: DataSet, clean: DecodedSample, sample: Sample, state: str) -> None:
        """Keep what a corrupted sample was made of, which nobody changes; the oldest ones go where there is no room.

        Of a sample that is not corrupted itself, a copy is kept, as models get the image; and only where the data set
        has corrupted domains.
        """
        if not state:
            return
        if sample.corruption is None:
            if not dataset.has_copies or clean.image is None:
                return
            clean = replace(clean, image=clean.image.copy())
        key, new = _key(dataset, sample), _Kept(dataset, state, clean)
        with self._lock:
            if old := self._kept.pop(key, None):
                self._pixels -= old.pixels
            self._kept[key] = new
            self._pixels += new.pixels
            while self._pixels > self.limit:
                self._pixels -= self._kept.popitem(last=False)[1].pixels


def _key(dataset: DataSet, sample: Sample) -> _Key:
    return id(dataset), sample.clean

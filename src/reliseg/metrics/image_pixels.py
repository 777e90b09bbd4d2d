"""The counted pixels of single images by confidence: what an image loses where some of them are accepted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reliseg.metrics.units import Units
from reliseg.stats import SampleTable
from reliseg.stats.bins import RIGHT, WRONG
from reliseg.stats.built_in_scores import BUILT_IN_SCORES
from reliseg.types import Float64, Int64

SCORE = "msp"
"""What pixels are accepted by."""


def acceptable_bins() -> int:
    """Return the number of coarse bins of confidence: so many can be accepted at most."""
    return BUILT_IN_SCORES[SCORE].bins.coarse_size


@dataclass(frozen=True, eq=False)
class ImagePixels:
    """Pixels of images by coarse bin of confidence, the most confident first; only filled bins are there.

    Of all classes, or of the true pixels of one.
    """

    bins: Int64[np.ndarray, " k"]
    wrong: Int64[np.ndarray, "n k"]
    right: Int64[np.ndarray, "n k"]

    @classmethod
    def of(cls, units: Units) -> "ImagePixels":
        """Return those of a domain's images, in its order."""
        counts = units.images.ranks[SCORE].astype(np.int64)
        return cls(units.coarse_bins[SCORE], counts[:, WRONG], counts[:, RIGHT])

    @classmethod
    def of_label(cls, table: SampleTable, label: int) -> "ImagePixels":
        """Return the true pixels of a class, of the images of a table that counts by label."""
        counts = table.label_coarse[:, label]
        return cls(np.arange(counts.shape[2]), counts[:, WRONG], counts[:, RIGHT])

    @classmethod
    def joined(cls, parts: Sequence["ImagePixels"]) -> "ImagePixels":
        """Return those of several tables, one after the other, all of which have the same bins."""
        wrong, right = (np.concatenate([getattr(part, name) for part in parts]) for name in ("wrong", "right"))
        return cls(parts[0].bins, wrong, right)

    def at(self, places: Int64[np.ndarray, " m"]) -> "ImagePixels":
        """Return those of the images at these places, in this order."""
        return ImagePixels(self.bins, self.wrong[places], self.right[places])

    @property
    def counted(self) -> Int64[np.ndarray, " n"]:
        """The pixels of each image."""
        return self.wrong.sum(axis=1) + self.right.sum(axis=1)

    def lost(self) -> Int64[np.ndarray, "n b"]:
        """Return the wrong pixels of each image over all bins."""
        lost = np.zeros((len(self.wrong), acceptable_bins()), np.int64)
        lost[:, self.bins] = self.wrong
        return lost

    def accepted(self, bins: int) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
        """Return the wrong and the right pixels of each image in so many of the first bins."""
        there = self.bins < bins
        return self.wrong[:, there].sum(axis=1), self.right[:, there].sum(axis=1)

    def kept(self, bins: int) -> Float64[np.ndarray, " n"]:
        """Return the loss of each image: the share of its pixels that are accepted and wrong; NaN where it has none."""
        wrong, counted = self.accepted(bins)[0], self.counted
        return np.divide(wrong, counted, out=np.full(len(wrong), np.nan), where=counted > 0)

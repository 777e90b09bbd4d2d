"""What sets of classes hold: the predicted class of a pixel, and each class with a probability that is large enough."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from reliseg.stats import SampleTable
from reliseg.stats.bins import SET_BINS
from reliseg.stats.rounding import pixels_near_edges
from reliseg.types import Int64


def lost_by_bins_left_out(table: SampleTable) -> Int64[np.ndarray, "n b"]:
    """Return the pixels of each image whose true class leaves their set with each bin, the least probable first.

    The first bin holds all that is less probable than the others.
    """
    binned = table.set_labels.sum(axis=1)
    wrong = table.confusion.sum(axis=(1, 2)) - np.einsum("ncc->n", table.confusion[:, :, :-1])
    return np.concatenate([(wrong - binned.sum(axis=1))[:, None], binned[:, ::-1]], axis=1)


@dataclass(frozen=True, eq=False)
class SetCounts:
    """The sets of each image by true class: its pixels, those whose set lacks their class, and classes beside the
    predicted one.
    """

    known: Int64[np.ndarray, "n l"]
    missed: Int64[np.ndarray, "n l"]
    others: Int64[np.ndarray, "n l"]
    near: Int64[np.ndarray, "n 4"]
    """True classes that rounding may let in and keep out, and classes beside the predicted one, likewise."""

    @classmethod
    def of(cls, table: SampleTable, left_out: int) -> "SetCounts":
        """Return those of the images of a table that counts sets, where so many bins are left out."""
        classes = table.confusion.shape[1]
        known = table.confusion.sum(axis=2)
        wrong = known - np.einsum("ncc->nc", table.confusion[:, :, :classes])
        if not left_out:  # every class is in each set
            others = known * classes - table.confusion[:, :, :classes].sum(axis=2)
            return cls(known, np.zeros_like(known), others, np.zeros((len(known), 4), np.int64))
        taken = SET_BINS + 1 - left_out
        missed = wrong - table.set_labels[:, :, :taken].sum(axis=2)
        near = [*_near(table.set_labels.sum(axis=1), taken), *_near(table.set_others.sum(axis=1), taken)]
        return cls(known, missed, table.set_others[:, :, :taken].sum(axis=2), np.stack(near, axis=1))

    @classmethod
    def joined(cls, parts: Sequence["SetCounts"]) -> "SetCounts":
        """Return those of several tables, one after the other."""
        return cls(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)))

    def at(self, places: Int64[np.ndarray, " m"]) -> "SetCounts":
        """Return those of the images at these places, in this order."""
        return SetCounts(*(getattr(self, f.name)[places] for f in fields(self)))


def _near(counts: Int64[np.ndarray, "n b"], taken: int) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
    """Return what rounding may take in beside so many of the first bins, and what it may leave out of them."""
    return pixels_near_edges(counts, np.array([taken]))[0][:, 0], pixels_near_edges(counts, np.array([taken - 1]))[1][
        :, 0
    ]

"""Fine histograms without their empty bins: most have few pixels in most of their bins, or none."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from reliseg.stats import rounding
from reliseg.stats.bins import RIGHT, WRONG
from reliseg.stats.pixels import ScoreHistogram
from reliseg.types import Bool, Float64, Int, Int64

Bins: TypeAlias = Int64[np.ndarray, " b"]
Places: TypeAlias = Int64[np.ndarray, " m"]


@dataclass(frozen=True, eq=False)
class FilledBins:
    """The bins of a score that hold pixels, the most confident first: their places of `size`, and pixels by role.

    Counts that fit are kept in 32 bits: add them up in 64.
    """

    places: Int[np.ndarray, " b"]
    counts: Int[np.ndarray, "4 b"]
    size: int

    @classmethod
    def of(cls, histogram: ScoreHistogram) -> "FilledBins":
        """Return the filled bins of a histogram."""
        filled = np.flatnonzero(histogram.counts.any(axis=0))
        return cls(filled, histogram.counts[:, filled], histogram.counts.shape[1])

    def cells(self) -> tuple[Int64[np.ndarray, " f"], Int64[np.ndarray, " f"]]:
        """Return the places of what is not 0 in the counts of the whole histogram, role after role, and the pixels."""
        roles, filled = np.nonzero(self.counts != 0)
        return roles * self.size + self.places[filled], self.counts[roles, filled].astype(np.int64)

    def narrowed(self) -> "FilledBins":
        """Return the same in half the memory, where all counts fit."""
        if self.counts.max(initial=0) > np.iinfo(np.int32).max:
            return self
        return FilledBins(self.places.astype(np.int32), self.counts.astype(np.int32, copy=False), self.size)

    def histogram(self) -> ScoreHistogram:
        """Return the histogram with all its bins."""
        counts = np.zeros((len(self.counts), self.size), np.int64)
        counts[:, self.places] = self.counts
        return ScoreHistogram(counts)

    def pair(self, first: Sequence[int], second: Sequence[int]) -> "FilledPair":
        """Return the pixels of these roles, and of those."""
        from reliseg.stats.filled.sparse import filled_pair  # numba is slow to import

        kinds = np.array([[role in roles for role in range(len(self.counts))] for roles in (first, second)])
        return FilledPair(*filled_pair(self.places, self.counts, kinds), self.size)

    @cached_property
    def right_and_wrong(self) -> "FilledPair":
        """The pixels that are right, and those that are wrong."""
        return self.pair([RIGHT], [WRONG])

    def at(self, places: Places) -> Int64[np.ndarray, "4 m"]:
        """Return the pixels of bins at any places, by role; none beyond the ends."""
        return counts_at(self.places, self.counts, places).astype(np.int64)


@dataclass(frozen=True, eq=False)
class FilledPair:
    """Two kinds of pixels, in the bins that either fills, the most confident first."""

    places: Bins
    first: Bins
    second: Bins
    size: int

    @cached_property
    def pixels(self) -> tuple[int, int]:
        """The number of pixels of each kind."""
        return int(self.first.sum()), int(self.second.sum())

    @classmethod
    def of(cls, first: Bins, second: Bins) -> "FilledPair":
        """Return the filled bins of two histograms."""
        filled = np.flatnonzero(first + second != 0)
        return cls(filled, first[filled], second[filled], len(first))

    @cached_property
    def reached(self) -> Int64[np.ndarray, "2 b"]:
        """How many of each kind there are up to each bin."""
        return np.cumsum([self.first, self.second], axis=1)

    @cached_property
    def near(self) -> tuple[Int64[np.ndarray, "2 b"], Int64[np.ndarray, "2 b"]]:
        """How many of each kind may belong before their bin, and how many after it: see `pixels_near_edges`."""
        from reliseg.stats.filled.orders import near_edges  # numba is slow to import

        found = [near_edges(self.places, kind) for kind in (self.first, self.second)]
        return np.stack([up for up, _ in found]), np.stack([down for _, down in found])

    @cached_property
    def touching(self) -> Bool[np.ndarray, " b"]:
        """Whether the next bin is filled."""
        return np.append(np.diff(self.places) == 1, False)

    def at(self, places: Places) -> Int64[np.ndarray, "2 m"]:
        """Return the pixels of each kind of bins at any places."""
        return counts_at(self.places, np.stack([self.first, self.second]), places)

    def up_to(self, places: Places) -> Int64[np.ndarray, "2 m"]:
        """Return how many of each kind there are up to bins at any places."""
        before = np.searchsorted(self.places, places, side="right")
        return np.concatenate([np.zeros((2, 1), np.int64), self.reached], axis=1)[:, before]


def near_confidences(histogram: FilledBins, confidences: Float64[np.ndarray, " k"]) -> Int64[np.ndarray, "4 k"]:
    """Return how many pixels of msp, by role, may lie on the other side of each of these confidences."""
    return rounding.near_confidences(histogram.at, confidences)


class FilledHistograms(Mapping[str, ScoreHistogram]):
    """Histograms by score, which are kept without their empty bins."""

    @abstractmethod
    def filled(self, score: str) -> FilledBins:
        """Return the filled bins of a score."""

    def __getitem__(self, score: str) -> ScoreHistogram:
        return self.filled(score).histogram()


def counts_at(filled: Int[np.ndarray, " b"], counts: Int[np.ndarray, "r b"], places: Places) -> Int[np.ndarray, "r m"]:
    """Return counts of bins at any places; `filled` are those of the counts, in order, and others hold none."""
    if not len(filled):
        return np.zeros((len(counts), len(places)), np.int64)
    at = np.searchsorted(filled, places).clip(max=len(filled) - 1)
    return counts[:, at] * (filled[at] == places)

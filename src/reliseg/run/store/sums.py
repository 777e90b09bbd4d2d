"""The pixels of stored pieces, added up as they are read: no piece is in memory as a whole."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from reliseg.run.store import parts
from reliseg.run.store.cover import BASE, CLASSWISE
from reliseg.run.store.piece_files import OpenPiece
from reliseg.stats import Layout, PixelStatistics
from reliseg.stats.bins import ROLES
from reliseg.stats.built_in_scores import fine_bins
from reliseg.stats.filled.bins import FilledBins, FilledHistograms
from reliseg.stats.fixed import carry
from reliseg.stats.pixels import limb_arrays
from reliseg.types import Int

_MOST_NARROW = np.iinfo(np.int32).max
_MEMBERS = {BASE: parts.PIXELS, CLASSWISE: parts.CLASSWISE}


class PixelSums:
    """Sums over pieces, part by part; any order of adding gives the same bits."""

    def __init__(self, layout: Layout) -> None:
        every = parts.parts_of(layout, 0)
        self._parts = {part: every[name] for part, name in _MEMBERS.items() if name in every}
        self._sums = {part: of.zeros() for part, of in self._parts.items()}

    def add(self, piece: OpenPiece, wanted: Collection[str]) -> None:
        """Add what a piece holds of these parts: `BASE`, `CLASSWISE`. A ValueError where it is not whole."""
        for part, flat in self._sums.items():
            if part in wanted:
                piece.add_to(flat, _MEMBERS[part])

    def statistics(self) -> PixelStatistics:
        """Return the sums, without the histogram of any score."""
        limbs, sums = limb_arrays(), dict[str, np.ndarray]()
        for part, flat in self._sums.items():
            for name, array in self._parts[part].arrays(flat).items():
                # the lower limbs of 2**31 pieces add up in 64 bits
                sums[name] = carry(array) if name in limbs else array
        return PixelStatistics.from_arrays(sums)


class HistogramSums:
    """Sums of the fine histograms of scores over pieces.

    They are in 32 bits as long as no bin can hold more pixels than these count: half as much memory is gone through.
    """

    def __init__(self, scores: Collection[str]) -> None:
        self._counts: dict[str, Int[np.ndarray, "4 b"]] = {
            score: np.zeros((ROLES, fine_bins(score).size), np.int32) for score in scores
        }
        self._pixels = 0

    def add(self, piece: OpenPiece, scores: Collection[str], pixels: int) -> None:
        """Add those of these scores that are added up here, of a piece of so many pixels.

        A ValueError where the piece is not whole.
        """
        self._pixels += pixels
        if self._pixels > _MOST_NARROW:
            self._counts = {score: counts.astype(np.int64, copy=False) for score, counts in self._counts.items()}
        for score, counts in self._counts.items():
            if score in scores and piece.add_to(counts.ravel(), parts.ranks_of(score)):
                raise ValueError("another histogram")

    def filled(self) -> dict[str, FilledBins]:
        """Return the filled bins by score."""
        from reliseg.stats.filled.sparse import filled_columns  # numba is slow to import

        return {
            score: FilledBins(*filled_columns(counts), counts.shape[1]).narrowed()
            for score, counts in self._counts.items()
        }


@dataclass(frozen=True, eq=False)
class ReadHistograms(FilledHistograms):
    """Histograms that were read, without their empty bins."""

    bins: Mapping[str, FilledBins]

    def filled(self, score: str) -> FilledBins:
        """Return the filled bins of a score."""
        return self.bins[score]

    def __iter__(self) -> Iterator[str]:
        return iter(self.bins)

    def __len__(self) -> int:
        return len(self.bins)

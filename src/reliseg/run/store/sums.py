"""The pixels of stored pieces, added up as they are read: no piece is in memory as a whole."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from reliseg.run.store.cover import BASE, CLASSWISE
from reliseg.run.store.piece_files import OpenPiece
from reliseg.stats import Layout, PixelStatistics
from reliseg.stats.consistency import shapes_of_pixels
from reliseg.stats.filled.bins import FilledBins, FilledHistograms
from reliseg.stats.fixed import carry
from reliseg.stats.pixels import ScoreHistogram, limb_arrays

_RANKS, _CLASSWISE = "ranks.", "classwise."


class PixelSums:
    """Sums over pieces, array by array; any order of adding gives the same bits."""

    def __init__(self, layout: Layout) -> None:
        self._arrays = {
            name: np.zeros(shape, np.int64)
            for name, shape in shapes_of_pixels(layout).items()
            if not name.startswith(_RANKS)
        }

    def add(self, piece: OpenPiece, parts: Collection[str]) -> None:
        """Add what a piece holds of these parts: `BASE`, `CLASSWISE`. A ValueError where it is not whole."""
        for name, array in self._arrays.items():
            if (CLASSWISE if name.startswith(_CLASSWISE) else BASE) in parts:
                piece.add_to(array, name)

    def statistics(self) -> PixelStatistics:
        """Return the sums, without the histogram of any score."""
        limbs = limb_arrays()
        # the lower limbs of 2**31 pieces add up in 64 bits
        sums = {name: carry(array) if name in limbs else array for name, array in self._arrays.items()}
        return PixelStatistics.from_arrays(sums)


class HistogramSums:
    """Sums of the fine histograms of scores over pieces."""

    def __init__(self, scores: Collection[str]) -> None:
        self._counts = {score: ScoreHistogram.zero_of(score).counts for score in scores}

    def add(self, piece: OpenPiece, scores: Collection[str]) -> None:
        """Add those of these scores that are added up here. A ValueError where the piece is not whole."""
        for score, counts in self._counts.items():
            if score in scores and piece.add_to(counts, f"{_RANKS}{score}.counts") < 0:
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

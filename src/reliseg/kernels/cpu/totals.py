"""The counts of the fused kernel over images: rows of the sample table, and the statistics of all of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from reliseg.kernels.cpu.tables import FineTables, ImageTables, Live, statistics
from reliseg.stats.bins import COARSE_BINS, COARSE_SHIFT, ROLES
from reliseg.stats.built_in_scores import fine_bins
from reliseg.stats.pixels import Layout, PixelStatistics, ScoreHistogram
from reliseg.stats.samples import SampleTable, TopSums, class_columns
from reliseg.types import Int64, UInt64

_COARSE = 1 << COARSE_SHIFT
_FEW = 1 << 17
"""Pixels of an image up to which counting its coarse bins takes less time than a sweep over all fine ones."""


class Totals:
    """Tables over images. Fine bins count in 32 bits: fewer than 2**32 pixels."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.scores = layout.scores
        sizes = [fine_bins(score).coarse_size for score in layout.scores]
        self.spans = 2 * _COARSE * np.array(sizes, np.int32)
        """Entries of half a score's fine bins (known, then the others): whole coarse bins of two roles."""
        ends = 2 * self.spans.cumsum(dtype=np.int32)
        self.starts = (ends - 2 * self.spans).astype(np.int32)
        self.fine = FineTables.empty(int(self.spans.sum()) * 2)
        self._whole = ImageTables.empty(layout, np.arange(layout.columns))
        self._coarse = np.zeros(int(self.spans.sum()) // _COARSE, np.uint64)

    def add(self, image: ImageTables, live: Live, sample: str, unknown: int, void: int) -> SampleTable:
        """Add an image whose fine bins are counted already, and return its row. `live` are the columns of its rows."""
        spread = image.spread(self._layout, live)
        self._whole.add(spread)
        top = TopSums.of(spread.by_cell(self._layout))
        known, right = top.confusion.sum(), top.right.sum()
        return SampleTable(
            ids=(sample,),
            pixels=np.array([[known - right, right, unknown, void]], np.int64),
            **top.columns(),
            confident=image.confident[None],
            **class_columns(spread.class_wise(top, self._layout)),
            flips=np.zeros((1, 1), np.int64),
            losses=image.sums[None, :2],
            score_sums=image.sums[2:].reshape(1, len(self.scores), ROLES, 2),
            coarse=self._new_coarse(image)[None],
            **image.columns_on_demand(),
        )

    def absorb(self, other: "Totals") -> None:
        """Add all that another one of the same layout has."""
        self._whole.add(other._whole)
        self.fine.add(other.fine)
        self._coarse += other._coarse

    def statistics(self) -> PixelStatistics:
        """Return the statistics of all images. Histograms are read from these tables when they are asked for."""
        return statistics(self._whole, self.fine, self._layout, _ScoreHistograms(self))

    def histogram(self, score: str) -> ScoreHistogram:
        """Return the fine bins of one score."""
        at = self.scores.index(score)
        start, span = self.starts[at], self.spans[at]
        pairs = self.fine.counts[start : start + 2 * span].reshape(2, -1, 2)
        size = fine_bins(score).size
        return ScoreHistogram(pairs[:, :size].transpose(0, 2, 1).astype(np.int64, order="C").reshape(ROLES, size))

    def _coarse_counts(self) -> UInt64[np.ndarray, " k"]:
        """Return the coarse bins: two 32-bit counts are added at once, as neither can overflow into the other."""
        return self.fine.counts[:-1].view(np.uint64).reshape(-1, _COARSE).sum(axis=1, dtype=np.uint64)

    def coarse_entries(self, pixels: int) -> int:
        """Return how many entries for coarse bins an image of so many pixels needs; 0 if it has many."""
        return 2 * len(self._coarse) + 2 if pixels <= _FEW else 0

    def _new_coarse(self, image: ImageTables) -> Int64[np.ndarray, "s 4 k"]:
        """Return what the last image added to the coarse bins.

        Of many pixels one sweep over all fine bins finds it in less time than one more count for each; of few it would
        take most of their time.
        """
        if len(image.coarse):
            pairs_of_all = image.coarse[:-2].view(np.uint64)
            self._coarse += pairs_of_all
        else:
            before, self._coarse = self._coarse, self._coarse_counts()
            pairs_of_all = self._coarse - before
        new = pairs_of_all.view(np.uint32)
        coarse = np.zeros((len(self.scores), ROLES, COARSE_BINS), np.int64)
        for s, (start, span) in enumerate(zip(self.starts, self.spans, strict=True)):
            pairs = new[start // _COARSE : (start + 2 * span) // _COARSE].reshape(2, -1, 2)
            coarse[s, :, : pairs.shape[1]] = pairs.transpose(0, 2, 1).reshape(ROLES, -1)
        return coarse


@dataclass(frozen=True, eq=False)
class _ScoreHistograms(Mapping[str, ScoreHistogram]):
    """The histograms of all scores in 64 bits, one at a time: together they take twice the tables' memory."""

    totals: Totals

    def __getitem__(self, score: str) -> ScoreHistogram:
        if score not in self.totals.scores:
            raise KeyError(score)
        return self.totals.histogram(score)

    def __iter__(self) -> Iterator[str]:
        return iter(self.totals.scores)

    def __len__(self) -> int:
        return len(self.totals.scores)

"""What the fused kernel has counted so far, and its way into statistics and rows of the sample table."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt64

from reliseg.kernels.cpu.tables import FineTables, ImageTables
from reliseg.stats.bins import COARSE_BINS, COARSE_SHIFT, RELIABILITY_BINS, ROLES
from reliseg.stats.built_in_scores import fine_bins
from reliseg.stats.fixed import carry, limbs
from reliseg.stats.pixels import (
    ClassWise,
    ConfidentErrors,
    FineConfidence,
    Flips,
    Layout,
    Losses,
    PixelStatistics,
    ScoreHistogram,
    TopLabel,
    reliability,
)
from reliseg.stats.samples import SampleTable

_COARSE = 1 << COARSE_SHIFT


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
        self.fine = FineTables(
            np.zeros(int(self.spans.sum()) * 2 + 1, np.uint32), np.zeros(fine_bins("msp").size, np.int64)
        )
        self._cells = np.zeros((layout.classes, layout.columns, RELIABILITY_BINS, 2), np.int64)
        self._confident = np.zeros((layout.classes, 2), np.int64)
        self._others = np.zeros((layout.classes if layout.classwise else 0, RELIABILITY_BINS, 3), np.int64)
        self._losses = np.zeros((2, 2), np.int64)
        self._coarse = self._coarse_counts()

    def image_tables(self, live: Int64[np.ndarray, " r"]) -> ImageTables:
        """Empty ones, for an image whose rows are these columns."""
        labels, rows, scores = self._layout.classes, len(live), len(self._layout.scores)
        return ImageTables(
            cells=np.zeros((labels * rows * RELIABILITY_BINS + 1, 2), np.int64),
            confident=np.zeros((labels, 2), np.int64),
            others=np.zeros((len(self._class_wise_columns(live)) * RELIABILITY_BINS, 3), np.int64),
            sums=np.zeros((2 + ROLES * scores, 2), np.int64),
        )

    def add(
        self, image: ImageTables, live: Int64[np.ndarray, " r"], sample: str, unknown: int, void: int
    ) -> SampleTable:
        """Take in an image whose fine bins are counted already; its row. `live` are the columns of its rows."""
        layout = self._layout
        cells = np.zeros_like(self._cells)
        cells[:, live] = image.cells[:-1].reshape(layout.classes, len(live), RELIABILITY_BINS, 2)
        self._cells += cells
        self._confident += image.confident
        self._others[self._class_wise_columns(live)] += image.others.reshape(-1, RELIABILITY_BINS, 3)
        self._losses = carry(self._losses + image.sums[:2])
        top = TopLabel(cells[..., 0], limbs(cells[..., 1]))
        counts, right, confidence = reliability(top)
        return SampleTable(
            ids=(sample,),
            pixels=np.array([[counts.sum() - right.sum(), right.sum(), unknown, void]], np.int64),
            confusion=top.confusion[None],
            bin_counts=counts[None],
            bin_right=right[None],
            bin_confidence=confidence[None],
            losses=image.sums[None, :2],
            score_sums=image.sums[2:].reshape(1, len(layout.scores), ROLES, 2),
            coarse=self._new_coarse()[None],
        )

    def absorb(self, other: "Totals") -> None:
        """Take in all that another one of the same layout has."""
        self._cells += other._cells
        self._confident += other._confident
        self._others += other._others
        self._losses = carry(self._losses + other._losses)
        self.fine.counts[:] += other.fine.counts
        self.fine.confidence[:] += other.fine.confidence
        self._coarse += other._coarse

    def statistics(self) -> PixelStatistics:
        """Of all images taken in. Its ranks are read from these tables when they are asked for."""
        return PixelStatistics(
            top=TopLabel(self._cells[..., 0].copy(), limbs(self._cells[..., 1])),
            confident=ConfidentErrors(self._confident.copy()),
            losses=Losses(self._losses[0].copy(), self._losses[1].copy()),
            flips=Flips.zero(self._layout),
            confidence=FineConfidence(limbs(self.fine.confidence)),
            ranks=_ScoreHistograms(self),
            classwise=class_wise_statistic(self._cells[..., 0], self._cells[..., 1], self._others, self._layout),
        )

    def _class_wise_columns(self, live: Int64[np.ndarray, " r"]) -> Int64[np.ndarray, " c"]:
        """Those of an image's columns whose probabilities are counted."""
        return live[live < len(self._others)]

    def histogram(self, score: str) -> ScoreHistogram:
        """The fine bins of one score."""
        at = self._layout.scores.index(score)
        start, span = self.starts[at], self.spans[at]
        pairs = self.fine.counts[start : start + 2 * span].reshape(2, -1, 2)
        size = fine_bins(score).size
        return ScoreHistogram(pairs[:, :size].transpose(0, 2, 1).astype(np.int64, order="C").reshape(ROLES, size))

    def _coarse_counts(self) -> UInt64[np.ndarray, " k"]:
        """Coarse bins: two 32-bit counts are added at once, as neither can overflow into the other."""
        return self.fine.counts[:-1].view(np.uint64).reshape(-1, _COARSE).sum(axis=1, dtype=np.uint64)

    def _new_coarse(self) -> Int64[np.ndarray, "s 4 k"]:
        """What the last image added, told from the fine bins: one sweep instead of one more count per pixel."""
        before, self._coarse = self._coarse, self._coarse_counts()
        new = (self._coarse - before).view(np.uint32)
        coarse = np.zeros((len(self._layout.scores), ROLES, COARSE_BINS), np.int64)
        for s, (start, span) in enumerate(zip(self.starts, self.spans, strict=True)):
            pairs = new[start // _COARSE : (start + 2 * span) // _COARSE].reshape(2, -1, 2)
            coarse[s, :, : pairs.shape[1]] = pairs.transpose(0, 2, 1).reshape(ROLES, -1)
        return coarse


@dataclass(frozen=True, eq=False)
class _ScoreHistograms(Mapping[str, ScoreHistogram]):
    """The ranks of all scores in 64 bits, one at a time: together they take twice the tables' memory."""

    totals: Totals

    def __getitem__(self, score: str) -> ScoreHistogram:
        if score not in self.totals.scores:
            raise KeyError(score)
        return self.totals.histogram(score)

    def __iter__(self) -> Iterator[str]:
        return iter(self.totals.scores)

    def __len__(self) -> int:
        return len(self.totals.scores)


def class_wise_statistic(
    counts: Int64[np.ndarray, "t y b"],
    confidence: Int64[np.ndarray, "t y b"],
    others: Int64[np.ndarray, "c b 3"],
    layout: Layout,
) -> ClassWise | None:
    """The argmax and the other classes; in the first bin, the pixels and hits that remain. None if not asked for."""
    if not layout.classwise:
        return None
    classes = layout.classes
    pixels = others[..., 0] + counts.sum(axis=0)[:classes]
    hits = others[..., 1] + np.einsum("ccb->cb", counts[:, :classes])
    probability = others[..., 2] + confidence.sum(axis=0)[:classes]
    pixels[:, 0] = counts.sum() - pixels[:, 1:].sum(axis=1)
    hits[:, 0] = counts.sum(axis=(1, 2)) - hits[:, 1:].sum(axis=1)
    return ClassWise(pixels, hits, limbs(probability))

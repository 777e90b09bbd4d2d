"""The counts of the fused kernel over images: rows of the sample table, and the statistics of all of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from reliseg.kernels.cpu.tables import FineTables, ImageTables, Live, carry_in_place, statistics
from reliseg.runtime.numba_compile import cached_njit, inline_njit
from reliseg.stats.bins import COARSE_BINS, COARSE_SHIFT, RELIABILITY_BINS, ROLES
from reliseg.stats.built_in_scores import fine_bins
from reliseg.stats.filled.bins import FilledBins, FilledHistograms
from reliseg.stats.pixels import Layout, PixelStatistics
from reliseg.stats.samples import SampleTable
from reliseg.types import Int32, Int64, UInt32, UInt64

_COARSE = 1 << COARSE_SHIFT
_FEW = 1 << 17
"""Pixels of an image up to which counting its coarse bins takes less time than a sweep over all fine ones."""


class TopColumns(NamedTuple):
    """Columns of an image's row of the sample table: what is counted of the argmax."""

    confusion: Int64[np.ndarray, "1 t y"]
    label_counts: Int64[np.ndarray, "1 t b"]
    label_right: Int64[np.ndarray, "1 t b"]
    label_confidence: Int64[np.ndarray, "1 t b 2"]
    guess_counts: Int64[np.ndarray, "1 y b"]
    guess_confidence: Int64[np.ndarray, "1 y b 2"]
    uncounted: Int64[np.ndarray, "1 y"]
    uncounted_confidence: Int64[np.ndarray, "1 y 2"]


class ClassColumns(NamedTuple):
    """Columns of an image's row of the sample table: how sure its pixels are of each class that is counted."""

    class_hits: Int64[np.ndarray, "1 c b"]
    class_probability: Int64[np.ndarray, "1 c b 2"]
    class_uncounted: Int64[np.ndarray, "1 c 2"]


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
        top, of_classes = add_image(image, live, self._whole, self._layout.columns)
        known, right = top.confusion.sum(), top.label_right.sum()
        return SampleTable(
            ids=(sample,),
            pixels=np.array([[known - right, right, unknown, void]], np.int64),
            **top._asdict(),
            confident=image.confident[None],
            **of_classes._asdict(),
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

    def filled(self, score: str) -> FilledBins:
        """Return the fine bins of one score that hold pixels."""
        at = self.scores.index(score)
        start, span, size = self.starts[at], self.spans[at], fine_bins(score).size
        return FilledBins(*filled_bins(self.fine.counts[start : start + 2 * span], size), size)

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
        return coarse_by_role(pairs_of_all.view(np.uint32), self.starts, self.spans)


@dataclass(frozen=True, eq=False)
class _ScoreHistograms(FilledHistograms):
    """The histograms of all scores in 64 bits, one at a time: together they take twice the tables' memory."""

    totals: Totals

    def filled(self, score: str) -> FilledBins:
        """Return the filled bins of a score."""
        if score not in self.totals.scores:
            raise KeyError(score)
        return self.totals.filled(score)

    def __iter__(self) -> Iterator[str]:
        return iter(self.totals.scores)

    def __len__(self) -> int:
        return len(self.totals.scores)


@cached_njit
def filled_bins(
    counts: UInt32[np.ndarray, " n"], size: int
) -> tuple[Int64[np.ndarray, " f"], Int64[np.ndarray, "4 f"]]:
    """Return the places of the bins of a score that hold pixels, and these by role; the first `size` are looked at.

    Of the counts, the first half are (wrong, right) pairs by bin, and the others (unknown, void) pairs.
    """
    pairs = counts.view(np.uint64)  # two at once
    half, number = len(pairs) // 2, 0
    for b in range(size):
        number += (pairs[b] | pairs[half + b]) != 0
    places, by_role = np.empty(number, np.int64), np.empty((ROLES, number), np.int64)
    k = 0
    for b in range(size):
        if (pairs[b] | pairs[half + b]) != 0:
            places[k] = b
            for role in range(ROLES):
                by_role[role, k] = counts[2 * (half * (role // 2) + b) + role % 2]
            k += 1
    return places, by_role


@cached_njit
def coarse_by_role(
    pairs: UInt32[np.ndarray, " n"], starts: Int32[np.ndarray, " s"], spans: Int32[np.ndarray, " s"]
) -> Int64[np.ndarray, "s 4 k"]:
    """Return coarse bins of scores by role, from pairs that lie as the fine ones of `Totals`."""
    coarse = np.zeros((len(starts), ROLES, COARSE_BINS), np.int64)
    for s in range(len(starts)):
        for half in range(2):
            first = (starts[s] + half * spans[s]) // _COARSE
            for b in range(spans[s] // _COARSE // 2):
                for k in range(2):
                    coarse[s, 2 * half + k, b] = pairs[first + 2 * b + k]
    return coarse


@cached_njit
def add_image(image: ImageTables, live: Live, whole: ImageTables, columns: int) -> tuple[TopColumns, ClassColumns]:
    """Add an image's tables to those of all images, which have a row for each column, and return its columns.

    `stats.samples.TopSums` and `tables.class_wise_statistic` define these. It is compiled because of small images: for
    these, sums by NumPy took longer than the kernel.
    """
    whole.confident[:] += image.confident
    whole.sums[:] += image.sums
    carry_in_place(whole.sums)
    top = _add_cells(image, live, whole, columns)
    return top, _add_classes(image, live, whole, top)


@inline_njit
def _add_cells(image: ImageTables, live: Live, whole: ImageTables, columns: int) -> TopColumns:
    """Add the cells, by label, row and bin, and return the sums over each; the last label is none."""
    labels, rows, bins = len(image.confident), len(live), RELIABILITY_BINS
    confusion, uncounted = np.zeros((1, labels, columns), np.int64), np.zeros((1, columns), np.int64)
    of_labels, right = np.zeros((1, labels, bins), np.int64), np.zeros((1, labels, bins), np.int64)
    of_guesses = np.zeros((1, columns, bins), np.int64)
    sure_of_labels = np.zeros((1, labels, bins, 2), np.int64)
    sure_of_guesses, sure_of_uncounted = np.zeros((1, columns, bins, 2), np.int64), np.zeros((1, columns, 2), np.int64)
    for cell in range(len(image.cells) - 1):
        pixels, confidence = image.cells[cell, 0], image.cells[cell, 1]
        if pixels == 0:
            continue
        b, label, column = cell % bins, cell // bins // rows, live[cell // bins % rows]
        into = (label * columns + column) * bins + b
        whole.cells[into, 0] += pixels
        whole.cells[into, 1] += confidence
        if label == labels:
            uncounted[0, column] += pixels
            sure_of_uncounted[0, column, 1] += confidence
            continue
        confusion[0, label, column] += pixels
        of_labels[0, label, b] += pixels
        sure_of_labels[0, label, b, 1] += confidence
        of_guesses[0, column, b] += pixels
        sure_of_guesses[0, column, b, 1] += confidence
        if label == column:
            right[0, label, b] += pixels
    for sums in (sure_of_labels.reshape(-1, 2), sure_of_guesses.reshape(-1, 2), sure_of_uncounted.reshape(-1, 2)):
        carry_in_place(sums)
    return TopColumns(
        confusion, of_labels, right, sure_of_labels, of_guesses, sure_of_guesses, uncounted, sure_of_uncounted
    )


@inline_njit
def _add_classes(image: ImageTables, live: Live, whole: ImageTables, top: TopColumns) -> ClassColumns:
    """Add the probabilities of the classes but the argmax, and return those of all: with the argmax."""
    classes, bins = len(whole.uncounted), RELIABILITY_BINS
    hits, sums = np.zeros((1, classes, bins), np.int64), np.zeros((1, classes, bins, 2), np.int64)
    uncounted = np.zeros((1, classes, 2), np.int64)
    for row in range(len(image.uncounted)):
        c = live[row]
        whole.uncounted[c] += image.uncounted[row]
        uncounted[0, c, 1] = image.uncounted[row]
        for b in range(bins):
            others = image.others[row * bins + b]
            whole.others[c * bins + b] += others
            hits[0, c, b], sums[0, c, b, 1] = others[1], others[2]
    for c in range(classes):
        uncounted[0, c] += top.uncounted_confidence[0, c]
        sums[0, c] += top.guess_confidence[0, c]
        hits[0, c] += top.label_right[0, c]
        hits[0, c, 0] = top.label_counts[0, c].sum() - hits[0, c, 1:].sum()  # the first bin has what remains
    carry_in_place(sums.reshape(-1, 2))
    carry_in_place(uncounted.reshape(-1, 2))
    return ClassColumns(hits, sums, uncounted)

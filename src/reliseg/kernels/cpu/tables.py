"""Last stage of the fused kernel: the tables of every statistic but the scores', and how a block is added to them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple, TypeAlias

import numpy as np

from reliseg.kernels.cpu.binning import EDGES, set_bin, unit, units
from reliseg.kernels.cpu.row_blocks import CELLS, PIXELS
from reliseg.kernels.cpu.scratch_layout import (
    AMOUNT,
    BRIER,
    CELL,
    CONFIDENT,
    KNOWN_SURE,
    LABEL,
    LOSS,
    ODDS_BIN,
    OWN_ROW,
    PLACE,
    ROLE,
    ROW,
    SCORE,
    SURE,
    UNITS,
)
from reliseg.runtime.arithmetic import F32, I32, I64, U64, bits, choose, from_bits
from reliseg.runtime.numba_compile import inline_njit
from reliseg.stats.bins import COARSE_SHIFT, RELIABILITY_BINS, RIGHT, ROLES, SET_BINS, UNKNOWN_ROLE, VOID_ROLE, WRONG
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
    Uncounted,
)
from reliseg.stats.samples import LABEL_BINS, TopSums
from reliseg.types import Float32, Int32, Int64, UInt32

Live: TypeAlias = Int64[np.ndarray, " r"]
"""The columns that some model class goes to, in order."""

_SET_TRASH = 64
_HIT_SHIFT = I32(16)
_HIT = I32(1 << 16)
"""What a pixel whose label is the class counts beside itself: pixels and hits of a block are one sum."""


class ImageTables(NamedTuple):
    """The counts of one image, or with a row for each column those of all images."""

    cells: Int64[np.ndarray, "n 2"]
    """Pixels and confidence by label, row and reliability bin: the last label is none; one entry more for no pixel."""
    confident: Int64[np.ndarray, "t 2"]
    """Confident errors by label, above 0.90 and above 0.99."""
    others: Int64[np.ndarray, "n 3"]
    """Pixels, hits and probability by row and bin, without the argmax; of the first bin only the probability counts.

    No rows where class-wise statistics are not asked for.
    """
    uncounted: Int64[np.ndarray, " n"]
    """Probability by row, without the argmax, of pixels that are not known; no rows where `others` has none."""
    sums: Int64[np.ndarray, "n 2"]
    """Limbs: NLL, Brier, then each score by role."""
    coarse: UInt32[np.ndarray, " n"]
    """Of each score pairs by coarse bin, as the fine ones; at the end a pair for no pixel. No entries: not counted."""
    label_coarse: UInt32[np.ndarray, " n"]
    """Known pixels by label, wrong or right, and coarse bin of msp; at the end one entry for no pixel.

    Of one image alone, as `coarse` and those below; no entries where they are not counted.
    """
    set_labels: Int64[np.ndarray, " n"]
    """Wrong pixels by label and bin of the label's probability."""
    set_others: Int64[np.ndarray, " n"]
    """Known pixels by label and bin of the probability of each class but the argmax; 64 more for no bin."""

    @classmethod
    def of_image(cls, layout: Layout, live: Live, coarse: int) -> "ImageTables":
        """Return tables of no pixels for one image, with so many entries for coarse bins."""
        of_labels = layout.classes * SET_BINS if layout.sets else 0
        return cls.empty(layout, live)._replace(
            coarse=np.zeros(coarse, np.uint32),
            label_coarse=np.zeros(2 * LABEL_BINS * layout.classes + 1 if layout.by_label else 0, np.uint32),
            set_labels=np.zeros(of_labels, np.int64),
            set_others=np.zeros(of_labels and of_labels + _SET_TRASH, np.int64),
        )

    @classmethod
    def empty(cls, layout: Layout, live: Live) -> "ImageTables":
        """Return tables of no pixels whose rows are these columns, without those of one image alone."""
        return cls(
            cells=np.zeros(((layout.classes + 1) * len(live) * RELIABILITY_BINS + 1, 2), np.int64),
            confident=np.zeros((layout.classes, 2), np.int64),
            others=np.zeros((len(_class_wise_columns(layout, live)) * RELIABILITY_BINS, 3), np.int64),
            uncounted=np.zeros(len(_class_wise_columns(layout, live)), np.int64),
            sums=np.zeros((2 + ROLES * len(layout.scores), 2), np.int64),
            coarse=np.zeros(0, np.uint32),
            label_coarse=np.zeros(0, np.uint32),
            set_labels=np.zeros(0, np.int64),
            set_others=np.zeros(0, np.int64),
        )

    def columns_on_demand(self) -> dict[str, np.ndarray]:
        """Return the columns of the image's row that are not always counted, as they are where they are not."""
        labels = len(self.label_coarse) // (2 * LABEL_BINS)
        by_label = self.label_coarse[: 2 * LABEL_BINS * labels].reshape(1, labels, 2, LABEL_BINS)
        return {
            "label_coarse": by_label.astype(np.int64),
            "set_labels": self.set_labels.reshape(1, -1, SET_BINS),
            "set_others": self.set_others[:-_SET_TRASH].reshape(1, -1, SET_BINS),
        }

    def by_cell(self, layout: Layout) -> Int64[np.ndarray, "t+1 r b 2"]:
        """Return a view of the cells by label, row, bin, and pixels or confidence."""
        return self.cells[:-1].reshape(layout.classes + 1, -1, RELIABILITY_BINS, 2)

    def class_wise(self, top: TopSums, layout: Layout) -> ClassWise | None:
        """Return the class-wise statistic, of tables with a row for each column; `top` are the sums of their cells."""
        return class_wise_statistic(top, self.others.reshape(-1, RELIABILITY_BINS, 3), self.uncounted, layout)

    def add(self, other: "ImageTables") -> None:
        """Add tables of the same rows."""
        for mine, theirs in zip(self, other, strict=True):
            mine += theirs
        self.sums[:] = carry(self.sums)


class FineTables(NamedTuple):
    """The counts by fine bin, over all images."""

    counts: UInt32[np.ndarray, " n"]
    """Of each score (wrong, right) pairs by bin, then (unknown, void) pairs; at the end one for no pixel."""
    confidence: Int64[np.ndarray, " b"]
    """Confidence of the known pixels by bin of msp."""

    @classmethod
    def empty(cls, entries: int) -> "FineTables":
        """Return tables of no pixels, with so many counts of scores."""
        return cls(np.zeros(entries + 1, np.uint32), np.zeros(fine_bins("msp").size, np.int64))

    def add(self, other: "FineTables") -> None:
        """Add tables of the same layout."""
        for mine, theirs in zip(self, other, strict=True):
            mine += theirs


def statistics(
    whole: ImageTables, fine: FineTables, layout: Layout, ranks: Mapping[str, ScoreHistogram]
) -> PixelStatistics:
    """Return the statistics of the pixels in tables that have a row for each column."""
    cells = whole.by_cell(layout)
    top = TopSums.of(cells)
    return PixelStatistics(
        top=TopLabel(cells[:-1, ..., 0].copy(), limbs(cells[:-1, ..., 1])),
        uncounted=Uncounted(top.uncounted[:, 0], limbs(top.uncounted[:, 1])),
        confident=ConfidentErrors(whole.confident.copy()),
        losses=replace(Losses.zero(layout), nll=whole.sums[0].copy(), brier=whole.sums[1].copy()),
        flips=Flips.zero(layout),
        confidence=FineConfidence(limbs(fine.confidence)),
        ranks=ranks,
        classwise=whole.class_wise(top, layout),
    )


def class_wise_statistic(
    top: TopSums, others: Int64[np.ndarray, "c b 3"], uncounted: Int64[np.ndarray, " c"], layout: Layout
) -> ClassWise | None:
    """Add the argmax to the other classes; the first bin has the pixels and hits that remain. None if not counted."""
    if not layout.classwise:
        return None
    argmax, labels = top.guesses[: layout.classes], top.labels[..., 0].sum(axis=1)
    pixels, hits = others[..., 0] + argmax[..., 0], others[..., 1] + top.right
    pixels[:, 0] = labels.sum() - pixels[:, 1:].sum(axis=1)
    hits[:, 0] = labels - hits[:, 1:].sum(axis=1)
    of_uncounted = limbs(uncounted + top.uncounted[: layout.classes, 1])
    return ClassWise(pixels, hits, limbs(others[..., 2] + argmax[..., 1]), of_uncounted)


def _class_wise_columns(layout: Layout, live: Live) -> Live:
    """Return those of an image's columns whose probabilities are counted."""
    return live[live < layout.classes] if layout.classwise else live[:0]


@inline_njit
def add_block(
    z: Float32[np.ndarray, " z"],
    t: Float32[np.ndarray, " t"],
    k: Int32[np.ndarray, " k"],
    classes: int,
    image: ImageTables,
    fine: FineTables,
) -> None:
    """Add the pixels of a block to every table but those of scores; the exponentials in z are gone after.

    `classes` is the number of rows that are classes of the data set.
    """
    add_losses(t, image.sums)
    add_cells(k, image.cells)
    add_confident(k, image.confident)
    add_confidence(k, fine.confidence)
    if len(image.label_coarse) > 0:
        add_labels(k, image.label_coarse)
    if len(image.set_labels) > 0:
        add_set_labels(z, t, k, image.set_labels)
        add_set_others(z, t, k, classes, image.set_others)
    add_uncounted(z, t, k, image.uncounted)
    add_others(z, t, k, image.others)


@inline_njit
def add_losses(t: Float32[np.ndarray, " t"], sums: Int64[np.ndarray, "n 2"]) -> None:
    """Add the negative log-likelihood and the Brier score."""
    nll = I64(0)
    brier = I64(0)
    for x in range(U64(PIXELS)):
        nll += units(t[LOSS + x])
        brier += units(t[BRIER + x])
    sums[0, 1] += nll
    sums[1, 1] += brier


@inline_njit
def add_cells(k: Int32[np.ndarray, " k"], cells: Int64[np.ndarray, "n 2"]) -> None:
    """Add pixels and confidence by label, row and bin.

    x and the places 64, 128, 192 further are neighbours in the image and mostly belong to one entry: then
    one update, instead of four that wait for each other.
    """
    for x in range(U64(CELLS)):
        i = x + CELL
        a, b, c, d = k[i], k[i + U64(CELLS)], k[i + U64(2 * CELLS)], k[i + U64(3 * CELLS)]
        i = x + UNITS
        p, q, r, s = I64(k[i]), I64(k[i + U64(CELLS)]), I64(k[i + U64(2 * CELLS)]), I64(k[i + U64(3 * CELLS)])
        if (I32(a ^ b) | I32(c ^ d) | I32(a ^ c)) == I32(0):
            cells[U64(a), U64(0)] += 4
            cells[U64(a), U64(1)] += p + q + r + s
        else:
            cells[U64(a), U64(0)] += 1
            cells[U64(a), U64(1)] += p
            cells[U64(b), U64(0)] += 1
            cells[U64(b), U64(1)] += q
            cells[U64(c), U64(0)] += 1
            cells[U64(c), U64(1)] += r
            cells[U64(d), U64(0)] += 1
            cells[U64(d), U64(1)] += s


@inline_njit
def add_confident(k: Int32[np.ndarray, " k"], confident: Int64[np.ndarray, "t 2"]) -> None:
    """Add the pixels that are wrong with high confidence, which are few."""
    for x in range(U64(PIXELS)):
        level = k[CONFIDENT + x]
        if level > I32(0):
            label = U64(k[LABEL + x])
            confident[label, U64(0)] += 1
            confident[label, U64(1)] += I64(level - I32(1))


@inline_njit
def add_confidence(k: Int32[np.ndarray, " k"], confidence: Int64[np.ndarray, " b"]) -> None:
    """Add the confidence of known pixels by fine bin of msp."""
    for x in range(U64(PIXELS)):
        confidence[U64(k[ODDS_BIN + x])] += choose(k[ROLE + x] <= I32(RIGHT), I64(k[UNITS + x]), I64(0))


@inline_njit
def add_labels(k: Int32[np.ndarray, " k"], counts: UInt32[np.ndarray, " n"]) -> None:
    """Add the known pixels by label, wrong or right, and coarse bin of msp."""
    trash = I32(len(counts) - 1)
    for x in range(U64(PIXELS)):
        role = k[ROLE + x]
        of_label = I32(I32(I32(k[LABEL + x] << I32(1)) + role) * I32(LABEL_BINS))
        k[PLACE + x] = I32(of_label + I32(k[ODDS_BIN + x] >> I32(COARSE_SHIFT))) if role <= I32(RIGHT) else trash
    for x in range(U64(PIXELS)):
        counts[U64(k[PLACE + x])] += np.uint32(1)


@inline_njit
def add_set_labels(
    z: Float32[np.ndarray, " z"],
    t: Float32[np.ndarray, " t"],
    k: Int32[np.ndarray, " k"],
    counts: Int64[np.ndarray, " n"],
) -> None:
    """Add the wrong pixels by the probability of their label, where that has a bin."""
    for x in range(U64(PIXELS)):
        if k[ROLE + x] == I32(WRONG) and k[OWN_ROW + x] >= I32(0):
            bin_ = set_bin(z[U64(k[OWN_ROW + x]) * U64(ROW) + x] * t[KNOWN_SURE + x])
            if bin_ < I32(SET_BINS):
                counts[U64(I32(I32(k[LABEL + x] * I32(SET_BINS)) + bin_))] += 1


@inline_njit
def add_set_others(
    z: Float32[np.ndarray, " z"],
    t: Float32[np.ndarray, " t"],
    k: Int32[np.ndarray, " k"],
    classes: int,
    counts: Int64[np.ndarray, " n"],
) -> None:
    """Add the probabilities of the classes that are not the argmax, which has 0 in the buffer, where they have a bin.

    Those that have none are counted at the end of the table, at many places: one place would wait for itself.
    """
    trash = I32(len(counts) - _SET_TRASH)
    for row in range(U64(classes)):
        o = row * U64(ROW)
        first = I32(SET_BINS)
        for x in range(U64(PIXELS)):
            bin_ = set_bin(z[o + x] * t[KNOWN_SURE + x])
            place = I32(I32(k[LABEL + x] * I32(SET_BINS)) + bin_)
            k[PLACE + x] = place if bin_ < I32(SET_BINS) else I32(trash + I32(I32(x) & I32(_SET_TRASH - 1)))
            first = bin_ if bin_ < first else first
        if first < I32(SET_BINS):
            for x in range(U64(PIXELS)):
                counts[U64(k[PLACE + x])] += 1


@inline_njit
def add_uncounted(
    z: Float32[np.ndarray, " z"],
    t: Float32[np.ndarray, " t"],
    k: Int32[np.ndarray, " k"],
    uncounted: Int64[np.ndarray, " n"],
) -> None:
    """Add the probabilities of all classes but the argmax over the pixels that are not known; few blocks have any."""
    some = False
    for x in range(U64(PIXELS)):
        role = k[ROLE + x]
        here = (role == I32(UNKNOWN_ROLE)) | (role == I32(VOID_ROLE))
        t[SCORE + x] = choose(here, t[SURE + x], F32(0))  # the score has been counted
        some |= here
    if some:
        for row in range(U64(len(uncounted))):
            o = row * U64(ROW)
            total = I32(0)
            for x in range(U64(PIXELS)):
                total = I32(total + unit(z[o + x] * t[SCORE + x]))
            uncounted[row] += _as_unsigned(total)


@inline_njit
def add_others(
    z: Float32[np.ndarray, " z"],
    t: Float32[np.ndarray, " t"],
    k: Int32[np.ndarray, " k"],
    others: Int64[np.ndarray, "n 3"],
) -> None:
    """Add the probabilities of all classes but the argmax: all into the first bin, where nearly all belong.

    The argmax has 0 in the buffer: it is in `cells`. A pixel that is not known has KNOWN_SURE 0.
    """
    for row in range(U64(len(others)) // U64(RELIABILITY_BINS)):
        c = U64(row)
        o = c * U64(ROW)
        total = I32(0)
        largest = I32(0)
        for x in range(U64(PIXELS)):
            p = z[o + x] * t[KNOWN_SURE + x]
            z[o + x] = p
            total = I32(total + unit(p))
            largest = max(largest, bits(p))  # the bits of floats >= 0 are in the order of the floats
        others[c * U64(RELIABILITY_BINS), U64(2)] += _as_unsigned(total)
        if from_bits(largest) > EDGES[1]:
            _move_up(c, from_bits(largest), z, k, others)


@inline_njit
def _move_up(
    c: U64, largest: F32, z: Float32[np.ndarray, " z"], k: Int32[np.ndarray, " k"], others: Int64[np.ndarray, "n 3"]
) -> None:
    """Move what lies above an edge to the next bin, edge by edge of a class while anything is left.

    None but the argmax is above 1/2: these are so few edges that sweeps over all pixels beat a write for each of them.
    """
    for x in range(U64(PIXELS)):
        k[AMOUNT + x] = choose(k[OWN_ROW + x] == I32(c), I32(_HIT + I32(1)), I32(1))
    o = c * U64(ROW)
    for edge in range(U64(1), U64(RELIABILITY_BINS // 2 + 1)):
        if largest <= EDGES[edge]:
            break
        amount = I32(0)
        total = I32(0)
        for x in range(U64(PIXELS)):
            p = z[o + x]
            above = p > EDGES[edge]
            amount = I32(amount + choose(above, k[AMOUNT + x], I32(0)))
            total = I32(total + choose(above, unit(p), I32(0)))
        here = c * U64(RELIABILITY_BINS) + edge
        pixels = I64(amount & I32(_HIT - I32(1)))
        hits = I64(amount >> _HIT_SHIFT)
        probability = _as_unsigned(total)
        others[here, U64(0)] += pixels
        others[here, U64(1)] += hits
        others[here, U64(2)] += probability
        others[here - U64(1), U64(0)] -= pixels
        others[here - U64(1), U64(1)] -= hits
        others[here - U64(1), U64(2)] -= probability


@inline_njit
def _as_unsigned(total: I32) -> I64:
    """Read a sum of 256 values of at most 1/2 without a sign: it fits 32 bits."""
    return I64(total) & I64(0xFFFFFFFF)


@inline_njit
def carry_in_place(sums: Int64[np.ndarray, "n 2"]) -> None:
    """Bring limbs to their canonical form: after each row, before 64 bits overflow."""
    for i in range(len(sums)):
        sums[i, 0] += sums[i, 1] >> 32
        sums[i, 1] &= 0xFFFFFFFF

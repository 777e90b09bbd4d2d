"""The statistics of `kernels.cpu.kernel` from logits that lie on a GPU, by Triton.

Tables stay on the device over images. Of each image only its row of the sample table is copied: the difference of the
tables' sums after it and before it.
"""

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from reliseg.kernels.cpu import row_blocks
from reliseg.kernels.cpu.kernel import check_layout, check_view, count_uncounted_pixels, group_classes
from reliseg.kernels.cpu.logits import ClassGroups
from reliseg.kernels.cpu.tables import class_wise_statistic
from reliseg.kernels.gpu.scores import digits
from reliseg.kernels.gpu.walk import OPTIONS, TILE_HEIGHT, TILE_WIDTH, observe_tiles
from reliseg.stats.bins import COARSE_BINS, COARSE_SHIFT, RELIABILITY_BINS, ROLES, SET_BINS, edges
from reliseg.stats.built_in_scores import fine_bins
from reliseg.stats.device import DeviceLogits
from reliseg.stats.fixed import carry, limbs
from reliseg.stats.pixels import (
    ConfidentErrors,
    FineConfidence,
    Layout,
    Losses,
    PixelStatistics,
    ScoreHistogram,
    TopLabel,
    Uncounted,
)
from reliseg.stats.samples import LABEL_BINS, SampleTable, TopSums, class_columns
from reliseg.stats.view import LogitView
from reliseg.types import Int64, Truth

_COUNTER_LIMIT = 1 << 31
_COARSE = 1 << COARSE_SHIFT


class Tables(NamedTuple):
    """The tables on the device: int64, but for `fine`."""

    counts: Tensor
    """Pixels by label, column and reliability bin; the last label is none."""
    confidence: Tensor
    """Their confidence."""
    confident: Tensor
    """Confident errors by label, above 0.90 and 0.99."""
    others: Tensor
    """Pixels, hits and probability by class and bin, without the argmax; of the first bin only the probability."""
    sums: Tensor
    """Limbs, not carried: NLL, Brier, then each score by role."""
    fine: Tensor
    """int32: of each score pixels by fine bin and role; whole coarse bins."""
    fine_confidence: Tensor
    """Confidence of the known pixels by fine bin of msp."""
    uncounted: Tensor
    """Probability by class, without the argmax, of pixels that are not known."""
    label_coarse: Tensor
    """Known pixels by label, wrong or right, and coarse bin of msp; no labels where they are not asked for."""
    set_labels: Tensor
    """Wrong pixels by label and bin of the label's probability."""
    set_others: Tensor
    """Known pixels by label and bin of the probability of each class but the argmax."""

    @classmethod
    def empty(cls, layout: Layout, device: torch.device) -> "Tables":
        """Return tables of no pixels."""
        t, y, b = layout.classes, layout.columns, RELIABILITY_BINS
        of_sets = t if layout.sets else 0

        def zeros(*shape: int, dtype: torch.dtype = torch.int64) -> Tensor:
            return torch.zeros(shape, dtype=dtype, device=device)

        return cls(
            counts=zeros(t + 1, y, b),
            confidence=zeros(t + 1, y, b),
            confident=zeros(t, 2),
            others=zeros(t if layout.classwise else 0, b, 3),
            sums=zeros(2 + ROLES * len(layout.scores), 2),
            fine=zeros(int(_starts(layout)[-1]), ROLES, dtype=torch.int32),
            fine_confidence=zeros(fine_bins("msp").size),
            uncounted=zeros(t if layout.classwise else 0),
            label_coarse=zeros(t if layout.by_label else 0, 2, LABEL_BINS),
            set_labels=zeros(of_sets, SET_BINS),
            set_others=zeros(of_sets, SET_BINS),
        )

    def summary(self) -> Tensor:
        """Return all that a row of the sample table holds, one after the other, for `_sample_row` to split."""
        coarse = self.fine.view(-1, _COARSE, ROLES).sum(dim=1, dtype=torch.int64)
        counts, confidence = self.counts[:-1], self.confidence[:-1]
        labels, guesses = (torch.stack([counts.sum(dim=d), confidence.sum(dim=d)], dim=2) for d in (1, 0))
        right = counts[:, :-1].diagonal().T
        none = torch.stack([self.counts[-1].sum(dim=1), self.confidence[-1].sum(dim=1)], dim=1)
        top = [counts.sum(dim=2), right, labels, guesses, none]
        parts = [*top, self.confident, self.others, self.uncounted, self.sums]
        on_demand = [self.label_coarse, self.set_labels, self.set_others]
        return torch.cat([part.flatten() for part in (*parts, *on_demand, coarse)])


class TritonKernel:
    """Statistics of images whose logits are `DeviceLogits`, one after the other.

    For one thread at a time. It cannot count a view with a transform: the CPU's kernel can. A ValueError if a score
    is not in `gpu.scores`.
    """

    def __init__(self, layout: Layout, device: torch.device) -> None:
        check_layout(layout)
        self._layout = layout
        self._device = device
        self._scores = digits(layout.scores)
        self._edges = torch.from_numpy(edges().astype(np.float32)).to(device)
        self._starts = torch.from_numpy(ROLES * _starts(layout)).to(device)
        self.reset()

    def reset(self) -> None:
        """Forget all images."""
        self._tables = Tables.empty(self._layout, self._device)
        self._before = self._tables.summary()
        self._pixels = 0
        self._earlier: PixelStatistics | None = None

    def observe(self, view: LogitView, truth: Truth, sample: str) -> SampleTable:
        """Add an image, and return its row of the sample table.

        Truth ids are classes of the data set, 254 (unknown) or 255 (void); logits must be finite.
        """
        check_view(self._layout, view, truth, _COUNTER_LIMIT)
        labels = _send(truth, torch.uint8, self._device)
        unknown, void = count_uncounted_pixels(self._layout, truth, sample)  # while they are on their way
        self._spill_before_overflow(truth.size)
        groups, live = group_classes(self._layout, view)
        with torch.cuda.device_of(self._starts):  # type: ignore[no-untyped-call]
            self._launch(view, labels, groups, live)
            summary = self._tables.summary()
        added = (summary - self._before).cpu().numpy()
        self._before = summary
        return _sample_row(added, self._layout, sample, unknown, void)

    def statistics(self) -> PixelStatistics:
        """Return the statistics of all images observed since creation or reset."""
        current = _statistics(self._tables, self._layout)
        return current if self._earlier is None else self._earlier + current

    def take(self) -> PixelStatistics:
        """Return the statistics, and forget the images."""
        statistics = self.statistics()
        self.reset()
        return statistics

    def _spill_before_overflow(self, pixels: int) -> None:
        """Move the counts out of the 32-bit tables before they could overflow."""
        if self._pixels + pixels >= _COUNTER_LIMIT:
            earlier = self.statistics()
            self.reset()
            self._earlier = earlier
        self._pixels += pixels

    def _launch(self, view: LogitView, labels: Tensor, groups: ClassGroups, live: Int64[np.ndarray, " r"]) -> None:
        assert isinstance(view.logits, DeviceLogits), "logits on the CPU are for kernel.Kernel"
        logits = view.logits.tensor.contiguous()
        (_, h, w), (height, width) = logits.shape, labels.shape
        observe_tiles[(-(-height // TILE_HEIGHT) * -(-width // TILE_WIDTH),)](
            logits,
            labels,
            *_taps(h, height, view.align_corners, self._device),
            *_taps(w, width, view.align_corners, self._device),
            _constant_on_device(groups.order.astype(np.int32).tobytes(), torch.int32, self._device),
            _constant_on_device(groups.starts.astype(np.int32).tobytes(), torch.int32, self._device),
            _constant_on_device(live.astype(np.int32).tobytes(), torch.int32, self._device),
            _constant_on_device(view.inverse_temperatures.astype(np.float32).tobytes(), torch.float32, self._device),
            self._edges if view.pixel_factors is None else _send(view.pixel_factors, torch.float32, self._device),
            self._edges,
            self._starts,
            *self._tables,
            height,
            width,
            w,
            h * w,
            len(live),
            self._layout.classes,
            JOINS=groups.joins,
            VARIES=groups.varies,
            CLASSWISE=self._layout.classwise,
            BY_LABEL=self._layout.by_label,
            SETS=self._layout.sets,
            COUNT=len(self._layout.scores),
            SCORES=self._scores,
            **OPTIONS,
        )


def _send(array: np.ndarray, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Copy an array to the device, by pinned memory: the CPU goes on before it has arrived."""
    staged = torch.empty(array.shape, dtype=dtype, pin_memory=device.type == "cuda")
    np.copyto(staged.numpy(), array, casting="same_kind")
    return staged.to(device, non_blocking=True)


@lru_cache(maxsize=256)
def _constant_on_device(content: bytes, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Copy a short array to the device once: it is the same for most images, and each copy would be waited for."""
    return torch.frombuffer(bytearray(content), dtype=dtype).to(device)


def _starts(layout: Layout) -> Int64[np.ndarray, " s"]:
    """Return where each score's fine bins start, and where the last ones end."""
    sizes = [_COARSE * fine_bins(score).coarse_size for score in layout.scores]
    return np.cumsum([0, *sizes], dtype=np.int64)


@lru_cache(maxsize=64)
def _taps(native: int, size: int, align_corners: bool, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return for each place along an axis its two native neighbours, and the weight of the second."""
    first, second, weight = row_blocks.row_taps(native, size, align_corners)
    places = (torch.from_numpy(a.astype(np.int32)).to(device) for a in (first, second))
    return (*places, torch.from_numpy(weight).to(device))  # type: ignore[return-value]


def _sample_row(summary: Int64[np.ndarray, " n"], layout: Layout, sample: str, unknown: int, void: int) -> SampleTable:
    """Return the row of the sample table that a summary holds."""
    t, y, b, s = layout.classes, layout.columns, RELIABILITY_BINS, len(layout.scores)
    c = t if layout.classwise else 0
    of_sets = (t if layout.sets else 0, SET_BINS)
    on_demand = [(t if layout.by_label else 0, 2, LABEL_BINS), of_sets, of_sets]
    of_top = [(t, y), (t, b), (t, b, 2), (y, b, 2), (y, 2)]
    shapes = [*of_top, (t, 2), (c, b, 3), (c,), (2 + ROLES * s, 2), *on_demand, (-1, ROLES)]
    ends = np.cumsum([np.prod(shape) for shape in shapes[:-1]])
    parts = [part.reshape(shape) for part, shape in zip(np.split(summary, ends), shapes, strict=True)]
    top, parts = TopSums(*parts[: len(of_top)]), parts[len(of_top) :]
    confident, others, uncounted, sums, label_coarse, set_labels, set_others, fine = parts
    sums, known, right = carry(sums), top.confusion.sum(), top.right.sum()
    coarse = np.zeros((s, ROLES, COARSE_BINS), np.int64)
    for i, bins in enumerate(np.split(fine, _starts(layout)[1:-1] // _COARSE)):
        coarse[i, :, : len(bins)] = bins.T
    return SampleTable(
        ids=(sample,),
        pixels=np.array([[known - right, right, unknown, void]], np.int64),
        **top.columns(),
        confident=confident[None],
        **class_columns(class_wise_statistic(top, others, uncounted, layout)),
        flips=np.zeros((1, 1), np.int64),
        losses=sums[None, :2],
        score_sums=sums[2:].reshape(1, s, ROLES, 2),
        coarse=coarse[None],
        label_coarse=label_coarse[None],
        set_labels=set_labels[None],
        set_others=set_others[None],
    )


def _statistics(tables: Tables, layout: Layout) -> PixelStatistics:
    host = [table.cpu().numpy().copy() for table in tables]
    counts, confidence, confident, others, sums, fine, fine_confidence, uncounted, *_ = host
    top = TopSums.of(np.stack([counts, confidence], axis=-1))
    losses = carry(sums[:2])
    ranks = {}
    for score, start in zip(layout.scores, _starts(layout)[:-1], strict=True):
        ranks[score] = ScoreHistogram(np.ascontiguousarray(fine[start : start + fine_bins(score).size].T, np.int64))
    return replace(
        PixelStatistics.zero_without_ranks(layout),
        top=TopLabel(counts[:-1].copy(), limbs(confidence[:-1])),
        uncounted=Uncounted(top.uncounted[:, 0], limbs(top.uncounted[:, 1])),
        confident=ConfidentErrors(confident),
        losses=replace(Losses.zero(layout), nll=losses[0], brier=losses[1]),
        confidence=FineConfidence(limbs(fine_confidence)),
        ranks=ranks,
        classwise=class_wise_statistic(top, others, uncounted, layout),
    )

"""Statistics of predictions: built-in scores by the fused kernels, any other by its function on blocks of rows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from reliseg.data import DecodedSample
from reliseg.kernels.cpu.parallel import ParallelKernel
from reliseg.kernels.reference import full_logits, roles
from reliseg.kernels.self_test import CountingKernel
from reliseg.prediction import Prediction
from reliseg.registry import plugin_errors
from reliseg.run.evaluate.device_kernels import Kernels
from reliseg.scores import SCORES, Score, score_of_rows
from reliseg.stats import DeviceLogits, Layout, PixelStatistics, SampleTable
from reliseg.stats.bins import COARSE_BINS, COARSE_SHIFT, ROLES
from reliseg.stats.built_in_scores import fine_bins
from reliseg.stats.fixed import limbs, units
from reliseg.stats.pixels import ScoreHistogram
from reliseg.types import Truth

_ROWS = 64


class Observer:
    """The statistics of one calibration over the samples of a shard."""

    def __init__(self, layout: Layout, kernels: Kernels, threads: int = 1) -> None:
        kinds = {name: SCORES.get(name) for name in layout.scores}
        self.layout = layout
        self._built_in = replace(layout, scores=tuple(n for n in layout.scores if kinds[n].built_in))
        self._open: dict[str, Score] = {n: kind() for n, kind in kinds.items() if not kind.built_in}
        self._kernel = ParallelKernel(self._built_in, threads)
        self._kernels = kernels
        self._on_device: CountingKernel | None = None
        self._ranks = self._no_ranks()

    def observe(self, loaded: DecodedSample, prediction: Prediction) -> SampleTable:
        """Count one sample with its calibrated prediction; its row."""
        view = prediction.view()
        truth = np.full(loaded.size, 255, np.uint8) if loaded.truth is None else loaded.truth
        kernel = self._device_kernel(prediction) or self._kernel
        row = kernel.observe(view, truth, loaded.sample.id)
        if not self._open:
            return row
        by_score = _open_statistics(self._open, prediction, truth)
        self._ranks = {name: ranks + by_score[name].ranks for name, ranks in self._ranks.items()}
        return self._with_all_scores(row, by_score)

    def take(self) -> PixelStatistics:
        """Return the statistics of all samples since the last call, and start anew."""
        pixels = self._kernel.take()
        if self._on_device is not None:
            pixels = pixels + self._on_device.take()
        if self._open:
            ranks = {**pixels.ranks, **self._ranks}
            pixels = replace(pixels, ranks={name: ranks[name] for name in self.layout.scores})
        self._ranks = self._no_ranks()
        return pixels

    def _no_ranks(self) -> dict[str, ScoreHistogram]:
        return {name: ScoreHistogram.zero_of(name) for name in self._open}

    def counts_on_device(self, prediction: Prediction) -> bool:
        """Tell if a device counts it, which does one thing after the other; else the CPU does."""
        return self._device_kernel(prediction) is not None

    def _device_kernel(self, prediction: Prediction) -> CountingKernel | None:
        """Return the kernel of the device that holds the logits, if there is one and nothing transforms them."""
        if prediction.transform is not None or not isinstance(prediction.logits, DeviceLogits):
            return None
        if self._on_device is None:
            self._on_device = self._kernels.on_device(self._built_in, prediction.logits)
        return self._on_device

    def _with_all_scores(self, row: SampleTable, by_score: Mapping[str, "_OpenScore"]) -> SampleTable:
        """Return the row with the columns of all scores, in the layout's order."""
        sums, coarse = [], []
        for name in self.layout.scores:
            at = self._built_in.scores.index(name) if name not in by_score else None
            sums.append(by_score[name].sums if at is None else row.score_sums[0, at])
            coarse.append(by_score[name].coarse if at is None else row.coarse[0, at])
        return replace(row, score_sums=np.stack(sums)[None], coarse=np.stack(coarse)[None])


@dataclass(frozen=True, eq=False)
class _OpenScore:
    ranks: ScoreHistogram
    sums: np.ndarray
    coarse: np.ndarray


def _open_statistics(scores: Mapping[str, Score], prediction: Prediction, truth: Truth) -> dict[str, _OpenScore]:
    """Count scores that the kernels do not know."""
    view, given = prediction.view(), prediction.score_maps
    counts = {name: np.zeros((ROLES, fine_bins(name).size), np.int64) for name in scores}
    sums = {name: np.zeros(ROLES, np.int64) for name in scores}
    for start in range(0, view.size[0], _ROWS):
        rows = slice(start, start + _ROWS)
        z = full_logits(view, prediction.columns, rows)
        role = roles(truth[rows].ravel().astype(np.int64), z.argmax(axis=0))
        for name, score in scores.items():
            values = score_of_rows(name, score, z, given, rows)
            with plugin_errors(score):
                np.add.at(counts[name], (role, fine_bins(name).index(values)), 1)
                np.add.at(sums[name], role, units(values))
    return {name: _OpenScore(ScoreHistogram(counts[name]), limbs(sums[name]), _coarse(counts[name])) for name in scores}


def _coarse(fine: np.ndarray) -> np.ndarray:
    padded = np.zeros((ROLES, COARSE_BINS << COARSE_SHIFT), np.int64)
    padded[:, : fine.shape[1]] = fine
    return padded.reshape(ROLES, COARSE_BINS, -1).sum(axis=2)

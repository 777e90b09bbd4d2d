"""The kernel on several threads: each thread counts a band of the rows of every image."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from reliseg.kernels.cpu import transformed
from reliseg.kernels.cpu.kernel import Kernel
from reliseg.kernels.cpu.probabilities import count_impossible
from reliseg.stats.pixels import Flips, Layout, PixelStatistics
from reliseg.stats.samples import SampleTable
from reliseg.stats.view import LogitView
from reliseg.types import Truth


class ParallelKernel:
    """Statistics of images on `threads` threads: by the fused kernel, and where a view has a transform, by blocks.

    All that is added up is integers: results are the same to the bit for any number of threads. Each thread has
    tables of its own (25 MB with all scores).
    """

    def __init__(self, layout: Layout, threads: int = 1) -> None:
        self._columns = layout.columns
        self._kernels = [Kernel(layout) for _ in range(threads)]
        self._flips = 0
        self._impossible = 0

    def observe(self, view: LogitView, truth: Truth, sample: str) -> SampleTable:
        """Add an image, and return its row of the sample table."""

        def count(kernel: Kernel, rows: slice) -> SampleTable:
            if view.transform is None:
                return kernel.observe(view, truth, sample, rows)
            return transformed.observe(kernel, view, truth, sample, self._columns, rows)

        height, width = view.size
        bands = _bands(height, 1 if view.transform is None else transformed.rows_per_block(width), len(self._kernels))
        at_once = map if len(bands) == 1 else self._pool.map
        row = SampleTable.merge_parts(at_once(count, self._kernels, bands))
        self._flips += int(row.flips.sum())
        if view.of_probabilities:
            self._impossible += count_impossible(view, truth)
        return row

    def take(self) -> PixelStatistics:
        """Return the statistics of all images since the last call, and forget them."""
        whole, *others = self._kernels
        for other in others:
            whole.absorb(other)
        flips, self._flips = self._flips, 0
        impossible, self._impossible = self._impossible, 0
        pixels = whole.take()
        losses = replace(pixels.losses, impossible=np.array([impossible], np.int64))
        return replace(pixels, losses=losses, flips=Flips(np.array([flips], np.int64)))

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(len(self._kernels))


def _bands(height: int, step: int, number: int) -> list[slice]:
    """Divide rows into at most `number` bands of whole steps, about equal and none of them empty."""
    steps = -(-height // step)
    number = min(number, steps)
    edges = [step * (steps * i // number) for i in range(number)] + [height]
    return [slice(start, stop) for start, stop in pairwise(edges)]

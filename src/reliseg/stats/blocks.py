"""The fused kernel on logits that were changed pixel by pixel: blocks of rows at full resolution."""

from collections.abc import Iterator

import numpy as np

from reliseg.stats.kernel import Kernel
from reliseg.stats.reference import full_logits
from reliseg.stats.samples import SampleTable
from reliseg.stats.view import LogitView
from reliseg.types import Truth

_PIXELS = 1 << 17
"""Pixels of a block: a few megabytes of float64 logits."""


def observe(kernel: Kernel, view: LogitView, truth: Truth, sample: str, columns: int) -> SampleTable:
    """Count an image whose view has a transform; its row. Nothing of the image's full size is built."""
    return SampleTable.joined(kernel.observe(block, truth[rows], sample) for rows, block in _blocks(view, columns))


def _blocks(view: LogitView, columns: int) -> Iterator[tuple[slice, LogitView]]:
    height, width = view.size
    step = max(1, _PIXELS // width)
    live = np.unique(view.groups)
    for start in range(0, height, step):
        rows = slice(start, min(start + step, height))
        size = (rows.stop - rows.start, width)
        logits = full_logits(view, columns, rows)[live].astype(np.float32).reshape(len(live), *size)
        yield rows, LogitView(logits, size, False, live, np.ones(columns))

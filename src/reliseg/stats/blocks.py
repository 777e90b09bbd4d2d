"""The fused kernel on logits that were changed pixel by pixel: blocks of rows at full resolution."""

import numpy as np

from reliseg.stats.bins import RIGHT
from reliseg.stats.kernel import Kernel
from reliseg.stats.reference import calibrated, projected_logits, roles
from reliseg.stats.samples import SampleTable
from reliseg.stats.view import LogitView
from reliseg.types import Truth

_PIXELS = 1 << 17
"""Pixels of a block: a few megabytes of float64 logits."""


def rows_of(width: int) -> int:
    """Rows of a block of an image of this width."""
    return max(1, _PIXELS // width)


def observe(
    kernel: Kernel, view: LogitView, truth: Truth, sample: str, columns: int, band: slice = slice(None)
) -> tuple[SampleTable, int]:
    """Count an image whose view has a transform, or a band of it that starts where a block does.

    Its row, and the known pixels whose prediction was changed.

    Nothing of the image's full size is built.
    """
    height, width = view.size
    step = rows_of(width)
    live = np.unique(view.groups)
    tables, flips = [], 0
    first, end, _ = band.indices(height)
    for start in range(first, end, step):
        rows = slice(start, min(start + step, end))
        size = (rows.stop - rows.start, width)
        before = projected_logits(view, columns, rows)
        after = calibrated(view, before, rows)
        top = after.argmax(axis=0)
        known = roles(truth[rows].ravel().astype(np.int64), top) <= RIGHT
        flips += int((before.argmax(axis=0) != top)[known].sum())
        logits = after[live].astype(np.float32).reshape(len(live), *size)
        tables.append(kernel.observe(LogitView(logits, size, False, live, np.ones(columns)), truth[rows], sample))
    return SampleTable.joined(tables), flips

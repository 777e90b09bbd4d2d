"""A second way into the fused kernel, for logits that are final: at full resolution, a block of rows at a time."""

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

import numpy as np

from reliseg.stats import _plan
from reliseg.stats._pass import Scores, observe_image
from reliseg.stats.kernel import _COUNTER_LIMIT, _NO_FACTORS, Kernel, _read_only, aside, check_view, mapping_of
from reliseg.stats.samples import SampleTable
from reliseg.stats.view import LogitView
from reliseg.types import LiveBlock, Truth


@lru_cache(maxsize=64)
def _one_by_one(width: int) -> _plan.Columns:
    """Blocks of consecutive pixels, each the native one of its place.

    Weights are 0 everywhere: a column that the next one is added to at weight 1 would be rounded.
    """
    chunks = -(-width // _plan.PIXELS)
    pixel, cell = np.full(chunks * _plan.PIXELS, width, np.int32), np.zeros(chunks * _plan.PIXELS, np.int32)
    pixel[:width] = cell[:width] = np.arange(width)
    run = np.arange(1, chunks + 1) * _plan.PIXELS <= width
    return _plan.Columns(0, 0, chunks, np.zeros(len(cell), np.float32), pixel, cell, run)


def observe(
    kernel: Kernel, view: LogitView, truth: Truth, sample: str, blocks: Iterable[tuple[slice, LiveBlock]], band: slice
) -> SampleTable:
    """Count a band of an image's rows, cut into blocks that hold the logits of the view's live columns; its row.

    The logits are taken as they are, to the bit; the view's temperatures and factors multiply them.
    """
    layout = kernel._layout
    check_view(layout, view, truth, _COUNTER_LIMIT)
    unknown, void = aside(layout, truth[band], sample)
    kernel._make_room(truth[band].size)
    live = np.unique(view.groups)
    mapping, _ = mapping_of(layout, replace(view, groups=live))
    totals = kernel._totals
    image = totals.image_tables(len(live), int((live < layout.classes).sum()))
    scores = Scores(kernel._kinds, totals.starts, totals.spans)
    columns = _one_by_one(truth.shape[1])
    for rows, z in blocks:
        labels = truth[rows]
        here = np.arange(len(labels))
        observe_image(
            _read_only(z.reshape(len(live), *labels.shape)),
            _read_only(labels),
            _plan.Rows(here, here, np.zeros(len(here), np.float32)),
            columns,
            mapping,
            _read_only(_NO_FACTORS if view.pixel_factors is None else view.pixel_factors[rows]),
            scores,
            image,
            totals.fine,
        )
    return totals.add(image, live, sample, unknown, void)

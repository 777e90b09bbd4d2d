"""The temperature of a grid with the least ECE, without a try of each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from reliseg.calibration.fitting.parallel import map_in_order
from reliseg.calibration.sample import CalibrationSample, PixelLabels, PixelLogits
from reliseg.stats.bins import edges
from reliseg.types import Float64

TEMPERATURES = np.arange(50, 1000) / 100
"""0.5, 0.51, ..., 9.99."""
TIE = 1e-12
"""ECEs that differ by less are equal: sums are rounded."""
_STEPS = (32, 8, 2, 1)

Blocks: TypeAlias = Callable[[], Iterator[tuple[PixelLogits, PixelLabels]]]
"""All pixels in blocks; called once for every pass."""


@dataclass(frozen=True, eq=False)
class GridErrors:
    """ECE at some temperatures, rising, and what it is at least anywhere between each and the next."""

    ece: Float64[np.ndarray, " k"]
    between: Float64[np.ndarray, " j"]


def fit_least_ece(sample: CalibrationSample) -> float:
    """Return the temperature of least ECE on the sample (15 bins of equal width), the smallest of equal ones."""
    return search_least_ece(sample.blocks, len(sample), sample.training.threads)


def search_least_ece(blocks: Blocks, pixels: int, threads: int = 1) -> float:
    """Return the temperature of least ECE on so many pixels, the smallest of equal ones.

    Branch and bound: the ECE at every 32nd temperature of the grid bounds it from below between two neighbours. Where
    the bound is above the least ECE so far, none there can be the best; the other intervals are divided further.
    """
    ece_at: dict[int, float] = {}
    intervals = [(0, len(TEMPERATURES) - 1)]
    for step in _STEPS:
        points = sorted({i for low, high in intervals for i in (*range(low, high, step), high)})
        if not points:
            break
        errors = evaluate_grid(blocks, pixels, TEMPERATURES[points], threads)
        ece_at |= dict(zip(points, errors.ece.tolist(), strict=True))
        limit = min(ece_at.values()) + TIE
        inside = {i for low, high in intervals for i in range(low, high)}
        intervals = [
            (low, high)
            for low, high, least in zip(points[:-1], points[1:], errors.between.tolist(), strict=True)
            if low in inside and high - low > 1 and least <= limit
        ]
    limit = min(ece_at.values()) + TIE
    return float(TEMPERATURES[min(i for i, ece in ece_at.items() if ece <= limit)])


def evaluate_grid(blocks: Blocks, pixels: int, temperatures: Float64[np.ndarray, " k"], threads: int = 1) -> GridErrors:
    """Return the ECE at these rising temperatures, and bounds between them, in one pass.

    Between two of them a pixel's confidence lies between those at both, so it stays in its bin or is in one of few
    others: that bounds what each bin adds. The mean confidence is bounded likewise, and |it - accuracy| <= ECE.
    """
    from reliseg.calibration.compiled.fit_kernels import add_gaps  # slow to import

    inverse_temperatures, bins = 1 / temperatures, len(edges()) - 1

    def sum_block(block: tuple[PixelLogits, PixelLabels]) -> np.ndarray:
        sums = np.zeros((3, len(inverse_temperatures), bins))
        logits, labels = (np.ascontiguousarray(a) for a in block)
        add_gaps(logits, labels, inverse_temperatures, edges(), sums[0], sums[1:])
        return sums

    total = np.zeros((3, len(inverse_temperatures), bins))
    for sums in map_in_order(sum_block, blocks(), threads):
        total += sums
    gaps, low, high = total[0], total[1, :-1], total[2, :-1]
    by_bin = np.maximum(np.maximum(low, -high), 0).sum(axis=1)
    mean = gaps.sum(axis=1)
    overall = np.maximum(mean[1:], -mean[:-1])
    return GridErrors(np.abs(gaps).sum(axis=1) / pixels, np.maximum(by_bin, overall) / pixels)

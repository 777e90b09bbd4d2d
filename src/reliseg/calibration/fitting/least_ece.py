"""The temperature of a grid with the least ECE, found without trying them all."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from reliseg.calibration.fitting.parallel import in_order
from reliseg.calibration.sample import CalibrationSample, Labels, Logits
from reliseg.stats.bins import edges

TEMPERATURES = np.arange(50, 1000) / 100
"""0.5, 0.51, ..., 9.99."""
TIE = 1e-12
"""ECEs that differ by less are equal: sums are rounded."""
_STEPS = (32, 8, 2, 1)


@dataclass(frozen=True, eq=False)
class Errors:
    """ECE at some temperatures, rising, and what it is at least anywhere between each and the next."""

    ece: Float64[np.ndarray, " k"]
    between: Float64[np.ndarray, " j"]


def least_ece(sample: CalibrationSample) -> float:
    """The smallest of the temperatures whose ECE on the sample (15 bins of equal width) is the least of all.

    Branch and bound: the ECE of a part of the grid, every 32nd, says what it is at least between two neighbours.
    Where that is above the least one found, none there can be the best; the others are looked at closer.
    """
    found: dict[int, float] = {}
    unsettled = [(0, len(TEMPERATURES) - 1)]
    for step in _STEPS:
        points = sorted({i for low, high in unsettled for i in (*range(low, high, step), high)})
        if not points:
            break
        errors = evaluated(sample, TEMPERATURES[points])
        found |= dict(zip(points, errors.ece.tolist(), strict=True))
        limit = min(found.values()) + TIE
        inside = {i for low, high in unsettled for i in range(low, high)}
        unsettled = [
            (low, high)
            for low, high, least in zip(points[:-1], points[1:], errors.between.tolist(), strict=True)
            if low in inside and high - low > 1 and least <= limit
        ]
    limit = min(found.values()) + TIE
    return float(TEMPERATURES[min(i for i, ece in found.items() if ece <= limit)])


def evaluated(sample: CalibrationSample, temperatures: Float64[np.ndarray, " k"]) -> Errors:
    """ECE at these rising temperatures, in one pass.

    Between two of them a pixel's confidence lies between those at both, so it stays in its bin or is in one of few
    others: that bounds what each bin adds. The mean confidence is bounded likewise, and |it - accuracy| <= ECE.
    """
    from reliseg.calibration.compiled.fit_kernels import add_gaps  # slow to import

    slopes, bins = 1 / temperatures, len(edges()) - 1

    def one(block: tuple[Logits, Labels]) -> np.ndarray:
        sums = np.zeros((3, len(slopes), bins))
        logits, labels = (np.ascontiguousarray(a) for a in block)
        add_gaps(logits, labels, slopes, edges(), sums[0], sums[1:])
        return sums

    total = np.zeros((3, len(slopes), bins))
    for sums in in_order(one, sample.blocks()):
        total += sums
    gaps, low, high = total[0], total[1, :-1], total[2, :-1]
    by_bin = np.maximum(np.maximum(low, -high), 0).sum(axis=1)
    mean = gaps.sum(axis=1)
    overall = np.maximum(mean[1:], -mean[:-1])
    return Errors(np.abs(gaps).sum(axis=1) / len(sample), np.maximum(by_bin, overall) / len(sample))

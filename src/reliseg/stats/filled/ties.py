"""Measures of two kinds where each bin is one tie and none is empty, without brackets: they have the values' bits."""

from typing import NamedTuple

import numpy as np

from reliseg.runtime.numba_compile import exact_njit
from reliseg.stats.filled.measures import EVEN, Four, areas, reach
from reliseg.types import Float64, Int64

Bins = Int64[np.ndarray, " b"]


class Measures(NamedTuple):
    """Of the first kind before the second; `other` are of the second before the first, from the other end."""

    auroc: float
    average_precision: float
    other_average_precision: float
    fpr: float
    """The share of the second kind that is not before so many % of the first."""
    other_fpr: float


def measures(first: Bins, second: Bins, percent: int = 95) -> Measures:
    """Return the measures of two kinds, with some of both; no bin is empty, and the highest-ranked one comes first."""
    return Measures(*_measures(first, second, percent))


@exact_njit
def _measures(first: Bins, second: Bins, percent: int) -> tuple[float, float, float, float, float]:
    precision, before, same, fpr = _one_way(first, second, percent, False)
    other_precision, _, _, other_fpr = _one_way(first, second, percent, True)
    return min(before + same / 2, 1.0), precision, other_precision, fpr, other_fpr


@exact_njit
def _one_way(first: Bins, second: Bins, percent: int, turned: bool) -> Four:
    """Return average precision, which reads no harmonic sums of ties, shares of pairs, and the false positive rate."""
    pixels, others = (second.sum(), first.sum()) if turned else (first.sum(), second.sum())
    precision, _, before, same = areas(first, second, np.empty(0, np.int64), EVEN, False, turned)
    _, outside, _, here = reach(first, second, np.array([-(-percent * pixels // 100)]), False, turned)[0]
    return precision, before, same, (outside + here) / others


@exact_njit
def risks(right: Bins, wrong: Bins, accepted: Int64[np.ndarray, " k"]) -> Float64[np.ndarray, " k"]:
    """Return the error rate among so many (1 to all, rising) of the most confident pixels, as `stats.ranking.risks`."""
    found = np.empty(len(accepted))
    at, pixels, errors = 0, right[0] + wrong[0], wrong[0]
    for k in range(len(accepted)):
        while pixels < accepted[k]:
            at += 1
            pixels += right[at] + wrong[at]
            errors += wrong[at]
        here = right[at] + wrong[at]
        inside = accepted[k] - (pixels - here)
        found[k] = ((errors - wrong[at]) + inside * (wrong[at] / here)) / accepted[k]
    return found

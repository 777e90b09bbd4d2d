"""Ranking measures of many pairs of histograms at once, for intervals.

Bins are wide here, so a measure that is read at a place inside a bin takes the pixels of the bin as evenly spread: read
at the ends of bins it would jump from one to the next. `pos` and `neg` count by bin, the highest-ranked bin first; each
row is a pair. A row without the pixels that a measure needs gives NaN.
"""

from typing import TypeAlias

import numpy as np

from reliseg.types import Float64

Counts: TypeAlias = Float64[np.ndarray, "m b"]
Numbers: TypeAlias = Float64[np.ndarray, " m"]


def ratio(a: Float64[np.ndarray, "*s"], b: Float64[np.ndarray, "*s"]) -> Float64[np.ndarray, "*s"]:
    """Return a / b, NaN where b is 0."""
    return np.divide(a, b, out=np.full(np.broadcast(a, b).shape, np.nan), where=b > 0)


def auroc(pos: Counts, neg: Counts) -> Numbers:
    """Return the area under the ROC curve; a tie counts half."""
    from reliseg.stats.filled.many import aurocs  # numba is slow to import

    return aurocs(*_whole(pos, neg))


def average_precision(pos: Counts, neg: Counts) -> Numbers:
    """Return the step sum of precision over recall, read at bins."""
    from reliseg.stats.filled.many import average_precisions

    return average_precisions(*_whole(pos, neg))


def fpr_at_tpr(pos: Counts, neg: Counts, percent: int = 95) -> Numbers:
    """Return the false positive rate where the true positive rate is `percent` %, interpolated inside the bin."""
    pos, neg = _whole(pos, neg)
    return ratio(_until(pos, neg, pos.sum(axis=1) * (percent / 100)), neg.sum(axis=1))


def risk_at(right: Counts, wrong: Counts, percent: int) -> Numbers:
    """Return the error rate among the most confident `percent` % of the pixels, interpolated inside the bin."""
    every, wrong = _whole(right + wrong, wrong)
    wanted = every.sum(axis=1) * (percent / 100)
    return ratio(_until(every, wrong, wanted), wanted)


def area_under_risk(right: Counts, wrong: Counts) -> Numbers:
    """Return AURC: the mean over coverages of the error rate; inside a bin errors are evenly spread."""
    from reliseg.stats.filled.many import areas_under_risk, growths

    right, wrong = _whole(right, wrong)
    steps = growths(right, wrong)
    return areas_under_risk(right, wrong, np.log(steps, out=steps))


def least_area_under_risk(right: Counts, wrong: Counts) -> Numbers:
    """Return AURC of the oracle, which ranks all errors last: e + (1 - e) log(1 - e)."""
    e = ratio(wrong.sum(axis=1), (right + wrong).sum(axis=1))
    left = 1 - e
    return e + left * np.log(np.where(left > 0, left, 1.0))


def _until(counts: Counts, others: Counts, wanted: Numbers) -> Numbers:
    """Return how many of the others come before so many of the counted ones."""
    from reliseg.stats.filled.many import others_until

    rows = max(len(counts), len(others))
    return others_until(counts, others, wanted if len(wanted) == rows else wanted.repeat(rows))


def _whole(*counts: Counts) -> tuple[Counts, ...]:
    """Return counts one after the other in memory, as compiled loops take them."""
    return tuple(np.ascontiguousarray(of, np.float64) for of in counts)

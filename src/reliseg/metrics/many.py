"""Ranking measures of many pairs of histograms at once, for intervals.

Bins are wide here, so a measure that is read at a place inside a bin takes the pixels of the bin as evenly spread: read
at the ends of bins it would jump from one to the next. `pos` and `neg` count by bin, the highest-ranked bin first; each
row is a pair. A row without the pixels that a measure needs gives NaN.
"""

from typing import TypeAlias

import numpy as np
from jaxtyping import Float64

Counts: TypeAlias = Float64[np.ndarray, "m b"]
Numbers: TypeAlias = Float64[np.ndarray, " m"]


def ratio(a: Float64[np.ndarray, "*s"], b: Float64[np.ndarray, "*s"]) -> Float64[np.ndarray, "*s"]:
    """Return a / b, NaN where b is 0."""
    return np.divide(a, b, out=np.full(np.broadcast_shapes(np.shape(a), np.shape(b)), np.nan), where=b > 0)


def auroc(pos: Counts, neg: Counts) -> Numbers:
    """Return the area under the ROC curve; a tie counts half."""
    pos, neg = np.broadcast_arrays(pos, neg)
    above = np.cumsum(pos, axis=1) - pos / 2
    return ratio((neg * above).sum(axis=1), pos.sum(axis=1) * neg.sum(axis=1))


def average_precision(pos: Counts, neg: Counts) -> Numbers:
    """Return the step sum of precision over recall, read at bins."""
    pos, neg = np.broadcast_arrays(pos, neg)
    tp = np.cumsum(pos, axis=1)
    seen = tp + np.cumsum(neg, axis=1)
    precision = np.divide(tp, seen, out=np.zeros_like(tp), where=seen > 0)
    return ratio((pos * precision).sum(axis=1), pos.sum(axis=1))


def fpr_at_tpr(pos: Counts, neg: Counts, percent: int = 95) -> Numbers:
    """Return the false positive rate where the true positive rate is `percent` %, interpolated inside the bin."""
    pos, neg = np.broadcast_arrays(pos, neg)
    wanted = pos.sum(axis=1) * (percent / 100)
    return ratio(_until(pos, neg, wanted), neg.sum(axis=1))


def risk_at(right: Counts, wrong: Counts, percent: int) -> Numbers:
    """Return the error rate among the most confident `percent` % of the pixels, interpolated inside the bin."""
    every = right + wrong
    wanted = every.sum(axis=1) * (percent / 100)
    return ratio(_until(every, wrong, wanted), wanted)


def area_under_risk(right: Counts, wrong: Counts) -> Numbers:
    """Return AURC: the mean over coverages of the error rate; inside a bin errors are evenly spread."""
    n = right + wrong
    end, errors = np.cumsum(n, axis=1), np.cumsum(wrong, axis=1)
    start, before = end - n, errors - wrong
    rate = np.divide(wrong, n, out=np.zeros_like(n), where=n > 0)
    # the integral over k of (before + (k - start) rate) / k; a first bin has before = start = 0
    steps = np.log(np.divide(end, start, out=np.ones_like(n), where=start > 0))
    area = n * rate + (before - start * rate) * steps
    return ratio(area.sum(axis=1), n.sum(axis=1))


def least_area_under_risk(right: Counts, wrong: Counts) -> Numbers:
    """Return AURC of the oracle, which ranks all errors last: e + (1 - e) log(1 - e)."""
    e = ratio(wrong.sum(axis=1), (right + wrong).sum(axis=1))
    left = 1 - e
    return e + left * np.log(np.where(left > 0, left, 1.0))


def _until(counts: Counts, others: Counts, wanted: Numbers) -> Numbers:
    """Return how many of the others come before so many of the counted ones."""
    if not counts.shape[1]:
        return np.zeros(len(counts))
    reached = np.cumsum(counts, axis=1)
    at = np.minimum((reached < wanted[:, None]).sum(axis=1), counts.shape[1] - 1)
    row = np.arange(len(counts))
    inside = counts[row, at]
    share = np.divide(wanted - (reached[row, at] - inside), inside, out=np.ones_like(inside), where=inside > 0)
    before = np.cumsum(others, axis=1)[row, at] - others[row, at]
    return np.asarray(before + share * others[row, at])

"""Ranking measures from histograms: the value with every bin as one tie, and the range over orders inside bins.

Everywhere `pos` and `neg` count positives and negatives per bin, the highest-ranked bin first. Each function
returns (value, lo, hi). Bins that hold distinct exact scores give exact values, which lie inside the range.
"""

import math
from itertools import accumulate
from typing import TypeAlias

import numpy as np

from reliseg.types import Float64, Int64

Histogram: TypeAlias = Int64[np.ndarray, " b"]
Bracketed: TypeAlias = tuple[float, float, float]


def drop_empty_bins(
    pos: Histogram, neg: Histogram
) -> tuple[Int64[np.ndarray, " filled"], Int64[np.ndarray, " filled"]]:
    """Return both histograms without the bins that are empty in both."""
    filled = (pos + neg) > 0
    return pos[filled], neg[filled]


def histograms_of_scores(pos: Float64[np.ndarray, " p"], neg: Float64[np.ndarray, " n"]) -> tuple[Histogram, Histogram]:
    """Return histograms over the distinct values of two sets of scores, the highest first."""
    values, index = np.unique(np.concatenate([pos, neg]), return_inverse=True)
    is_pos = np.arange(len(index)) < len(pos)
    counts = [np.bincount(index[mask], minlength=len(values))[::-1] for mask in (is_pos, ~is_pos)]
    return counts[0].astype(np.int64), counts[1].astype(np.int64)


def auroc(pos: Histogram, neg: Histogram) -> Bracketed:
    """Return the area under the ROC curve: the chance that a positive ranks above a negative; a tie counts half."""
    p, n = pos.astype(np.float64), neg.astype(np.float64)
    above = np.cumsum(p) - p
    pairs = p.sum() * n.sum()
    lo, ties = (n * above).sum() / pairs, (n * p).sum() / pairs
    # products beyond 2**53 are rounded, perhaps up
    return min(lo + ties / 2, 1.0), min(lo, 1.0), min(lo + ties, 1.0)


def average_precision(pos: Histogram, neg: Histogram) -> Bracketed:
    """Return the step sum of precision over recall, read at bins (scikit-learn's `average_precision_score`)."""
    p, q = pos.astype(np.float64), neg.astype(np.float64)
    tp, fp = np.cumsum(p) - p, np.cumsum(q) - q
    total = p.sum()
    value = np.divide(p * (tp + p), tp + p + fp + q, out=np.zeros_like(p), where=p > 0)
    best = np.divide(p * (tp + p), tp + p + fp, out=np.zeros_like(p), where=p > 0)
    worst = p - (fp + q) * harmonic(tp + fp + q, tp + fp + q + p)
    return value.sum() / total, worst.sum() / total, best.sum() / total


def most_precision(pos: Histogram, neg: Histogram, places: Int64[np.ndarray, " b"]) -> float:
    """Return the highest average precision if pixels near an edge may lie on its other side, or be tied across it.

    `pos` and `neg` are in the best order of `stats.rounding.Ranking`, at these places. Ties count one precision for all
    of their positives, so those of a bin may have the precision of its own positives, or of what they may be tied
    with: those are among the next two, in the same fine bin or in the next.
    """
    p = pos.astype(np.float64)
    tp, fp = np.cumsum(p), np.cumsum(neg) - neg
    precision = np.divide(tp, tp + fp, out=np.zeros_like(p), where=p > 0)
    bins = (places + 1) // 2  # of the positives
    follows = np.diff(bins) <= 1
    best = precision.copy()
    best[:-1] = np.maximum(best[:-1], precision[1:] * follows)
    best[:-2] = np.maximum(best[:-2], precision[2:] * (follows[:-1] & follows[1:]))
    return float((p * best).sum() / p.sum())


def fpr_at_tpr(pos: Histogram, neg: Histogram, percent: int = 95) -> Bracketed:
    """Return the false positive rate at the first bin where the true positive rate reaches `percent` %.

    Nothing is interpolated.
    """
    reached = np.cumsum(pos)
    at = int(np.argmax(reached * 100 >= percent * int(reached[-1])))
    false, total = int(neg[: at + 1].sum()), int(neg.sum())
    return false / total, (false - int(neg[at])) / total, false / total


def area_under_risk(right: Histogram, wrong: Histogram) -> Bracketed:
    """Return AURC: the mean over k of the error rate among the k most confident (Geifman and El-Yaniv).

    A tie spreads its errors evenly.
    """
    r, w = right.astype(np.float64), wrong.astype(np.float64)
    n = r + w
    end, errors = np.cumsum(n), np.cumsum(w)
    start, before = end - n, errors - w
    rate = np.divide(w, n, out=np.zeros_like(n), where=n > 0)
    tied = _segment(start, end, before, rate)
    right_first = _segment(start, start + r, before, 0) + _segment(start + r, end, before, 1)
    wrong_first = _segment(start, start + w, before, 1) + _segment(start + w, end, errors, 0)
    total = end[-1]
    return tied.sum() / total, right_first.sum() / total, wrong_first.sum() / total


def least_area_under_risk(right: int, wrong: int) -> float:
    """Return AURC of the oracle, which ranks all errors last, of so many right and wrong pixels."""
    k, e = float(right), float(wrong)
    return (e - k * float(harmonic(np.array(k), np.array(k + e)))) / (k + e)


def risk_at(right: Histogram, wrong: Histogram, percent: int) -> Bracketed:
    """Return the error rate among the most confident `percent` % of the pixels (k = ceil(percent N / 100))."""
    n = np.cumsum(right + wrong)
    k = -(-int(n[-1]) * percent // 100)
    at = int(np.searchsorted(n, k, side="left"))
    r, w = int(right[at]), int(wrong[at])
    before, inside = int(wrong[:at].sum()), k - (int(n[at]) - r - w)
    tied = before + inside * w / (r + w)
    return tied / k, (before + max(0, inside - r)) / k, (before + min(w, inside)) / k


def risks(right: Histogram, wrong: Histogram, accepted: Int64[np.ndarray, " k"]) -> Float64[np.ndarray, " k"]:
    """Return the error rate among so many (1 to all) of the most confident pixels; a tie spreads its errors."""
    r, w = drop_empty_bins(right, wrong)
    n, errors = np.cumsum(r + w), np.cumsum(w)
    at = np.searchsorted(n, accepted, side="left")
    n, errors, r, w = (counts[at] for counts in (n, errors, r, w))
    inside = accepted - (n - r - w)
    return ((errors - w) + inside * (w / (r + w))) / accepted


def _segment(
    start: Float64[np.ndarray, " b"],
    end: Float64[np.ndarray, " b"],
    errors: Float64[np.ndarray, " b"],
    rate: Float64[np.ndarray, " b"] | float,
) -> Float64[np.ndarray, " b"]:
    """Return the sum over k in (start, end] of (errors + (k - start) rate) / k."""
    return (end - start) * rate + (errors - start * rate) * harmonic(start, end)


NEAR = 1000
"""Up to here harmonic numbers are read from a table: beyond, a series is closer than their differences would be."""
NARROW = 1 / 32
"""Up to here the logarithm of a ratio is read from a series, which processors of all kinds give the same bits of."""
_UNIT = 1 << 128
FIRST_NUMBERS = np.array([n / _UNIT for n in accumulate((_UNIT // k for k in range(1, NEAR + 1)), initial=0)])
"""H(0) to H(NEAR), each rounded once."""


def harmonic(start: Float64[np.ndarray, "..."], end: Float64[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    """Return H(end) - H(start), the sum of 1/k over whole numbers k in (start, end]."""
    first, last = (FIRST_NUMBERS[np.minimum(n, NEAR).astype(np.int64)] for n in (start, end))
    return np.asarray((last - first) + _harmonic_beyond(np.maximum(start, NEAR), np.maximum(end, NEAR)))


def _harmonic_beyond(start: Float64[np.ndarray, "..."], end: Float64[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    """Return a harmonic sum from `NEAR` on.

    There H(k) = log(k + 1/2) + gamma + 1 / (24 (k + 1/2)^2) is off by less than 1e-14. With a = start + 1/2,
    b = end + 1/2 and h = (b - a) / (a + b), the difference of logarithms is 2 artanh(h), and that of inverse squares,
    1/b^2 - 1/a^2, is -16 h / ((a + b) (1 - h^2))^2.
    """
    inverse = 1 / ((start + 0.5) + (end + 0.5))
    half = (end - start) * inverse
    z = half * half
    # what is left out is below 1e-18 of the sum
    log = np.asarray(2 * half * (1 + z * (1 / 3 + z * (1 / 5 + z * (1 / 7 + z * (1 / 9 + z * (1 / 11)))))))
    squares = np.asarray(1 + z * (2 + z * (3 + z * 4)))
    wide = half > NARROW
    log[wide] = _log1p((end[wide] - start[wide]) / (start[wide] + 0.5))
    squares[wide] = 1 / ((1 - z[wide]) * (1 - z[wide]))
    return np.asarray(log - 2 / 3 * half * inverse * inverse * squares)


_log1p = np.frompyfunc(math.log1p, 1, 1)
"""Of the C library, as compiled code has it; NumPy's own may have other last bits."""

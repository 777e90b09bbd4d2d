"""Ranking measures of many pairs of histograms, row by row: the inner loops of `reliseg.metrics.many`.

Sums are in the order of NumPy's. Where one of a pair has a single row, it stands beside each row of the other.
"""

import numpy as np

from reliseg.runtime.numba_compile import exact_njit, inline_exact_njit
from reliseg.stats.filled.sums import pairwise_sum
from reliseg.types import Float64

Rows = Float64[np.ndarray, "m b"]
Numbers = Float64[np.ndarray, " m"]


@inline_exact_njit
def _ratio(a: float, b: float) -> float:
    return a / b if b > 0 else np.nan


@inline_exact_njit
def _totals(counts: Rows) -> Numbers:
    totals = np.empty(len(counts))
    for i in range(len(counts)):
        totals[i] = pairwise_sum(counts[i])
    return totals


@exact_njit
def aurocs(pos: Rows, neg: Rows) -> Numbers:
    """Return the area under the ROC curve of each pair; a tie counts half."""
    rows, bins = max(len(pos), len(neg)), pos.shape[1]
    found, terms = np.empty(rows), np.empty(bins)
    positives, negatives = _totals(pos), _totals(neg)
    for i in range(rows):
        of_pos, of_neg = i if len(pos) > 1 else 0, i if len(neg) > 1 else 0
        p, n = pos[of_pos], neg[of_neg]
        above = 0.0
        for k in range(bins):
            above += p[k]
            terms[k] = n[k] * (above - p[k] / 2)
        found[i] = _ratio(pairwise_sum(terms), positives[of_pos] * negatives[of_neg])
    return found


@exact_njit
def average_precisions(pos: Rows, neg: Rows) -> Numbers:
    """Return the step sum of precision over recall of each pair, read at bins."""
    rows, bins = max(len(pos), len(neg)), pos.shape[1]
    found, terms = np.empty(rows), np.empty(bins)
    positives = _totals(pos)
    for i in range(rows):
        of_pos, of_neg = i if len(pos) > 1 else 0, i if len(neg) > 1 else 0
        p, n = pos[of_pos], neg[of_neg]
        tp, fp = 0.0, 0.0
        for k in range(bins):
            tp += p[k]
            fp += n[k]
            terms[k] = p[k] * (tp / (tp + fp)) if tp + fp > 0 else 0.0
        found[i] = _ratio(pairwise_sum(terms), positives[of_pos])
    return found


@exact_njit
def others_until(counts: Rows, others: Rows, wanted: Numbers) -> Numbers:
    """Return how many of the others of each pair come before so many counted ones; inside a bin both are even."""
    rows, bins = max(len(counts), len(others)), counts.shape[1]
    found = np.zeros(rows)
    for i in range(rows if bins else 0):
        c, o = counts[i if len(counts) > 1 else 0], others[i if len(others) > 1 else 0]
        reached, before, at = c[0], o[0], 0
        while reached < wanted[i] and at < bins - 1:
            at += 1
            reached += c[at]
            before += o[at]
        share = (wanted[i] - (reached - c[at])) / c[at] if c[at] > 0 else 1.0
        found[i] = (before - o[at]) + share * o[at]
    return found


@exact_njit
def read_lines(places: Rows, x: Rows, y: Rows) -> Rows:
    """Return what `numpy.interp` reads of each line through (x, y), both rising, at rising places between its ends."""
    rows, ends = x.shape
    found = np.empty(places.shape)
    for i in range(rows):
        k = 0
        for j in range(places.shape[1]):
            place = places[i, j]
            while k + 1 < ends and x[i, k + 1] <= place:
                k += 1
            if k + 1 == ends or x[i, k] == place:
                found[i, j] = y[i, k]
            else:
                slope = (y[i, k + 1] - y[i, k]) / (x[i, k + 1] - x[i, k])
                found[i, j] = slope * (place - x[i, k]) + y[i, k]
    return found


@exact_njit
def growths(right: Rows, wrong: Rows) -> Rows:
    """Return how many times as many pixels there are at the end of each bin as at its start; 1 if there are none."""
    rows, bins = right.shape
    found = np.empty((rows, bins))
    for i in range(rows):
        end = 0.0
        for k in range(bins):
            n = right[i, k] + wrong[i, k]
            end += n
            start = end - n
            found[i, k] = end / start if start > 0 else 1.0
    return found


@exact_njit
def areas_under_risk(right: Rows, wrong: Rows, steps: Rows) -> Numbers:
    """Return AURC of each pair; `steps` are the logarithms of `growths`."""
    rows, bins = right.shape
    found, terms, counts = np.empty(rows), np.empty(bins), np.empty(bins)
    for i in range(rows):
        end, errors = 0.0, 0.0
        for k in range(bins):
            w = wrong[i, k]
            n = right[i, k] + w
            end += n
            errors += w
            rate = w / n if n > 0 else 0.0
            counts[k] = n
            # the integral over k of (before + (k - start) rate) / k; a first bin has before = start = 0
            terms[k] = n * rate + ((errors - w) - (end - n) * rate) * steps[i, k]
        found[i] = _ratio(pairwise_sum(terms), pairwise_sum(counts))
    return found

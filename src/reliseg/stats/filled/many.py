"""Ranking measures of many pairs of histograms, row by row: the inner loops of `reliseg.metrics.many`.

Sums are in the order of NumPy's. Where one of a pair has a single row, it stands beside each row of the other.
"""

import numpy as np

from reliseg.runtime.numba_compile import exact_njit, inline_exact_njit
from reliseg.stats.filled.sums import Tree, sum_by, tree
from reliseg.types import Float64

Rows = Float64[np.ndarray, "m b"]
Numbers = Float64[np.ndarray, " m"]
Line = Float64[np.ndarray, " b"]


@inline_exact_njit
def _ratio(a: float, b: float) -> float:
    return a / b if b > 0 else np.nan


@inline_exact_njit
def _put(row: Line, into: Line) -> None:
    for k in range(len(into)):
        into[k] = row[k]


@inline_exact_njit
def _put_backwards(row: Line, into: Line) -> None:
    for k in range(len(into)):
        into[len(into) - 1 - k] = row[k]


@inline_exact_njit
def _auroc(pos: Line, neg: Line, pairs: float, terms: Line, order: Tree) -> float:
    """Return the area under the ROC curve; a tie counts half."""
    above = 0.0
    for k in range(len(pos)):
        above += pos[k]
        terms[k] = neg[k] * (above - pos[k] / 2)
    return _ratio(sum_by(order, terms), pairs)


@inline_exact_njit
def _average_precision(pos: Line, neg: Line, positives: float, terms: Line, order: Tree) -> float:
    """Return the step sum of precision over recall, read at bins."""
    tp, fp = 0.0, 0.0
    for k in range(len(pos)):
        tp += pos[k]
        fp += neg[k]
        terms[k] = pos[k] * (tp / (tp + fp)) if tp + fp > 0 else 0.0
    return _ratio(sum_by(order, terms), positives)


@inline_exact_njit
def _until(counts: Line, others: Line, wanted: float) -> float:
    """Return how many of the others come before so many counted ones; inside a bin both are even."""
    if not len(counts):
        return 0.0
    reached, before, at = counts[0], others[0], 0
    while reached < wanted and at < len(counts) - 1:
        at += 1
        reached += counts[at]
        before += others[at]
    share = (wanted - (reached - counts[at])) / counts[at] if counts[at] > 0 else 1.0
    return (before - others[at]) + share * others[at]


@exact_njit
def measures(pos: Rows, neg: Rows, share: float) -> Float64[np.ndarray, "5 m"]:
    """Return measures of each pair: AUROC, average precision of the positives, and of the negatives from the other end;
    the share of the negatives that come before so large a `share` of the positives, and likewise from the other end.
    """
    rows, bins = max(len(pos), len(neg)), pos.shape[1]
    found = np.empty((5, rows))
    p, n, terms, order = np.empty(bins), np.empty(bins), np.empty(bins), tree(bins)
    for i in range(rows):
        of_pos, of_neg = pos[i if len(pos) > 1 else 0], neg[i if len(neg) > 1 else 0]
        _put(of_pos, p)
        _put(of_neg, n)
        positives, negatives = sum_by(order, p), sum_by(order, n)
        found[0, i] = _auroc(p, n, positives * negatives, terms, order)
        found[1, i] = _average_precision(p, n, positives, terms, order)
        found[3, i] = _ratio(_until(p, n, share * positives), negatives)
        _put_backwards(of_pos, p)
        _put_backwards(of_neg, n)
        found[2, i] = _average_precision(n, p, negatives, terms, order)
        found[4, i] = _ratio(_until(n, p, share * negatives), positives)
    return found


@exact_njit
def risks(right: Rows, wrong: Rows, shares: Line) -> Float64[np.ndarray, "s m"]:
    """Return the error rate of each pair among so large shares of its pixels, the most confident ones."""
    rows, bins = right.shape
    found, every, errors, order = np.empty((len(shares), rows)), np.empty(bins), np.empty(bins), tree(bins)
    for i in range(rows):
        for k in range(bins):
            every[k], errors[k] = right[i, k] + wrong[i, k], wrong[i, k]
        pixels = sum_by(order, every)
        for s in range(len(shares)):
            wanted = pixels * shares[s]
            found[s, i] = _ratio(_until(every, errors, wanted), wanted)
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
    found, terms, counts, order = np.empty(rows), np.empty(bins), np.empty(bins), tree(bins)
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
        found[i] = _ratio(sum_by(order, terms), sum_by(order, counts))
    return found

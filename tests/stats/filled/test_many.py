"""Compiled loops over many histograms have the bits of NumPy's."""

import numpy as np
import pytest

from reliseg.stats.filled.many import (
    areas_under_risk,
    growths,
    measures,
    read_lines,
    risks,
)


def counts(rows, bins, seed):
    g = np.random.default_rng(seed)
    return (g.poisson(3, (rows, bins)) * (g.random((rows, bins)) < 0.6) * g.integers(1, 900, (rows, bins))).astype(
        float
    )


def ratio(a, b):
    return np.divide(a, b, out=np.full(len(a), np.nan), where=b > 0)


def until(counts, others, wanted):
    """How many of the others come before so many counted ones of each pair, evenly spread inside a bin."""
    row, reached = np.arange(len(counts)), np.cumsum(counts, axis=1)
    at = np.minimum((reached < wanted[:, None]).sum(axis=1), counts.shape[1] - 1)
    inside = counts[row, at]
    share = np.divide(wanted - (reached[row, at] - inside), inside, out=np.ones_like(inside), where=inside > 0)
    return (np.cumsum(others, axis=1)[row, at] - others[row, at]) + share * others[row, at]


def precision(pos, neg):
    tp = np.cumsum(pos, axis=1)
    seen = tp + np.cumsum(neg, axis=1)
    precisions = np.divide(tp, seen, out=np.zeros_like(tp), where=seen > 0)
    return ratio((pos * precisions).sum(axis=1), pos.sum(axis=1))


@pytest.mark.parametrize("bins", [1, 7, 130, 400])
@pytest.mark.parametrize("rows", [(3, 3), (1, 3), (3, 1)])
def test_measures_are_those_of_whole_arrays(bins, rows):
    one, other = counts(rows[0], bins, 1), counts(rows[1], bins, 2)
    pos, neg = np.broadcast_arrays(one, other)
    positives, negatives = pos.sum(axis=1), neg.sum(axis=1)
    turned = np.ascontiguousarray(neg[:, ::-1]), np.ascontiguousarray(pos[:, ::-1])
    expected = [
        ratio((neg * (np.cumsum(pos, axis=1) - pos / 2)).sum(axis=1), positives * negatives),
        precision(pos, neg),
        precision(*turned),
        ratio(until(pos, neg, positives * 0.95), negatives),
        ratio(until(*turned, negatives * 0.95), positives),
    ]
    np.testing.assert_array_equal(measures(one, other, 0.95), expected)
    roles = np.stack([one, one[:, ::-1], one / 2], axis=1)
    np.testing.assert_array_equal(measures(roles[:, 0], other, 0.95), expected)


@pytest.mark.parametrize("bins", [1, 7, 130, 400])
def test_risks_are_those_of_whole_arrays(bins):
    right, wrong = counts(3, bins, 7), counts(3, bins, 8)
    shares = np.array([0.0, 0.5, 0.95, 1.0])
    every = right + wrong
    wanted = [every.sum(axis=1) * share for share in shares]
    expected = [ratio(until(every, wrong, of), of) for of in wanted]
    np.testing.assert_array_equal(risks(right, wrong, shares), expected)


@pytest.mark.parametrize("bins", [1, 7, 130, 400])
def test_areas_under_risk_are_those_of_whole_arrays(bins):
    right, wrong = counts(3, bins, 3), counts(3, bins, 4)
    n = right + wrong
    end, errors = np.cumsum(n, axis=1), np.cumsum(wrong, axis=1)
    start, before = end - n, errors - wrong
    grown = np.divide(end, start, out=np.ones_like(n), where=start > 0)
    np.testing.assert_array_equal(growths(right, wrong), grown)
    rate = np.divide(wrong, n, out=np.zeros_like(n), where=n > 0)
    area = n * rate + (before - start * rate) * np.log(grown)
    np.testing.assert_array_equal(areas_under_risk(right, wrong, np.log(grown)), ratio(area.sum(axis=1), n.sum(axis=1)))


@pytest.mark.parametrize("ends", [1, 2, 9, 200])
def test_lines_are_read_as_numpy_reads_each(ends):
    steps = counts(4, ends, 5)
    x, y = np.cumsum(steps, axis=1), np.random.default_rng(6).normal(size=(4, ends))
    x -= x[:, :1]
    places = x[:, -1:] * np.arange(16) / 15
    expected = [np.interp(*line) for line in zip(places, x, y, strict=True)]
    np.testing.assert_array_equal(read_lines(places, x, y), expected)
    np.testing.assert_array_equal(read_lines(x, x, y), [np.interp(*line) for line in zip(x, x, y, strict=True)])


def test_without_bins_there_is_nothing():
    none = np.zeros((2, 0))
    assert np.isnan(measures(none, none, 0.95)).all()
    assert np.isnan(risks(none, none, np.array([0.5]))).all()

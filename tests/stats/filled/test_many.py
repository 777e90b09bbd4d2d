"""Compiled loops over many histograms have the bits of NumPy's."""

import numpy as np
import pytest

from reliseg.stats.filled.many import (
    areas_under_risk,
    aurocs,
    average_precisions,
    growths,
    others_until,
    read_lines,
)


def counts(rows, bins, seed):
    g = np.random.default_rng(seed)
    return (g.poisson(3, (rows, bins)) * (g.random((rows, bins)) < 0.6) * g.integers(1, 900, (rows, bins))).astype(
        float
    )


def ratio(a, b):
    return np.divide(a, b, out=np.full(len(a), np.nan), where=b > 0)


@pytest.mark.parametrize("bins", [1, 7, 130, 400])
@pytest.mark.parametrize("rows", [(3, 3), (1, 3), (3, 1)])
def test_measures_are_those_of_whole_arrays(bins, rows):
    one, other = counts(rows[0], bins, 1), counts(rows[1], bins, 2)
    pos, neg = np.broadcast_arrays(one, other)
    tp = np.cumsum(pos, axis=1)
    seen = tp + np.cumsum(neg, axis=1)
    of_pairs = ratio((neg * (tp - pos / 2)).sum(axis=1), pos.sum(axis=1) * neg.sum(axis=1))
    np.testing.assert_array_equal(aurocs(one, other), of_pairs)
    precision = np.divide(tp, seen, out=np.zeros_like(tp), where=seen > 0)
    np.testing.assert_array_equal(average_precisions(one, other), ratio((pos * precision).sum(axis=1), pos.sum(axis=1)))
    wanted = pos.sum(axis=1) * 0.95
    at = np.minimum((tp < wanted[:, None]).sum(axis=1), bins - 1)
    row = np.arange(len(pos))
    inside = pos[row, at]
    share = np.divide(wanted - (tp[row, at] - inside), inside, out=np.ones_like(inside), where=inside > 0)
    before = np.cumsum(neg, axis=1)[row, at] - neg[row, at]
    np.testing.assert_array_equal(others_until(one, other, wanted), before + share * neg[row, at])


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
    assert np.isnan(aurocs(none, none)).all()
    assert others_until(none, none, np.zeros(2)).tolist() == [0, 0]

"""Histograms without their empty bins say what the whole ones do."""

import numpy as np
import pytest

from reliseg.stats.bins import RIGHT, WRONG
from reliseg.stats.filled.bins import FilledBins, counts_at, near_confidences
from reliseg.stats.pixels import ScoreHistogram
from reliseg.stats.rounding import pixels_near_confidences, pixels_near_edges


def drawn(bins=400):
    g = np.random.default_rng(1)
    return ScoreHistogram(g.integers(0, 60, (4, bins)) * (g.random((4, bins)) < 0.4))


def test_all_bins_come_back_from_the_filled_ones_also_narrowed():
    whole = drawn()
    filled = FilledBins.of(whole)
    for each in (filled, filled.narrowed()):
        assert np.array_equal(each.histogram().counts, whole.counts)
    assert filled.narrowed().counts.itemsize == 4
    large = FilledBins.of(ScoreHistogram(whole.counts << 32))
    assert np.array_equal(large.narrowed().histogram().counts, whole.counts << 32)


def test_a_pair_is_what_the_definition_says_of_both_histograms():
    counts = drawn().counts
    pair = FilledBins.of(ScoreHistogram(counts)).pair([RIGHT], [WRONG])
    places = np.arange(-3, counts.shape[1] + 3)
    inside = (places >= 0) & (places < counts.shape[1])
    wanted = counts[[RIGHT, WRONG]][:, places.clip(0, counts.shape[1] - 1)] * inside
    assert np.array_equal(pair.at(places), wanted)
    assert np.array_equal(pair.up_to(places), np.cumsum(wanted, axis=1))
    assert pair.pixels == tuple(counts[[RIGHT, WRONG]].sum(axis=1).tolist())
    again = FilledBins.of(ScoreHistogram(counts)).right_and_wrong
    assert np.array_equal(again.first, pair.first)
    assert np.array_equal(again.second, pair.second)
    for found, kinds in zip(pair.near, pixels_near_edges(counts[[RIGHT, WRONG]]), strict=True):
        assert np.array_equal(found, kinds[:, pair.places])


def test_what_lies_near_a_confidence_is_what_the_definition_says():
    g = np.random.default_rng(2)
    counts = g.integers(0, 99, ScoreHistogram.zero_of("msp").counts.shape)
    confidences = np.array([1e-3, 0.2, 0.5, 0.9, 0.99])
    found = near_confidences(FilledBins.of(ScoreHistogram(counts)), confidences)
    assert np.array_equal(found, pixels_near_confidences(counts, confidences))


def test_nothing_is_filled_of_no_pixels():
    assert counts_at(np.zeros(0, np.int64), np.zeros((2, 0), np.int64), np.array([3])).tolist() == [[0], [0]]


@pytest.mark.parametrize("wide", [1, 1 << 40])
def test_cells_are_those_of_the_whole_histogram(wide):
    counts = np.random.default_rng(3).integers(-5, 4, (4, 30)).clip(0) * wide
    filled = FilledBins.of(ScoreHistogram(counts)).narrowed()
    places, values = filled.cells()
    assert (places.dtype, values.dtype) == (np.int64, np.int64)
    np.testing.assert_array_equal(places, np.flatnonzero(counts))
    np.testing.assert_array_equal(values, counts.ravel()[places])

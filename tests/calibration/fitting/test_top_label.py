"""The top label's confidence: cells of log odds, counts of pixels by them, and another confidence in its place."""

import numpy as np
import pytest
from helpers.calibration_samples import random_part, sample_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from reliseg.calibration.fitting.columns import inspect_columns
from reliseg.calibration.fitting.top_label import (
    CELLS,
    HIGHEST_CONFIDENCE,
    are_shares,
    cell_end_confidence,
    count_groups,
    log_odds_cell,
    piecewise_line,
    replace_confidence,
    twin_of_line,
)


def test_pixels_are_counted_by_group_with_their_confidence():
    parts = [random_part(i, pixels=300, empty_column=True) for i in range(2)]
    sample = sample_of(*parts)
    z, labels = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    p = softmax(z[:, :4].astype(np.float64), axis=1)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == labels
    counts = count_groups(sample, inspect_columns(sample, "histogram"), lambda _, p: (p > 0.7).astype(np.int64), 3)
    group = (confidence > 0.7).astype(int)
    assert counts.pixels.tolist() == np.bincount(group, minlength=3).tolist()
    assert counts.correct.tolist() == np.bincount(group[right], minlength=3).tolist()
    np.testing.assert_allclose(counts.confidence, np.bincount(group, confidence, minlength=3), rtol=1e-12)


def test_cells_are_finer_than_a_thousandth_of_the_odds_and_end_where_they_say():
    log_odds = np.random.default_rng(0).uniform(-31, 5, 5000)
    confidence = 1 / (1 + np.exp(log_odds))
    cells = log_odds_cell(log_odds, confidence)
    assert (cell_end_confidence(cells) <= confidence).all()
    inside = cells > 0
    assert (confidence[inside] <= cell_end_confidence(cells[inside] - 1)).all()
    order = np.argsort(log_odds)
    assert (np.diff(cells[order]) >= 0).all()
    assert log_odds_cell(np.array([-1e9, 1e9]), np.array([1.0, 0.0])).tolist() == [0, CELLS - 1]


@pytest.mark.parametrize(("values", "shares"), [([0, 1, 0.5], True), ([], True), ([-1e-9], False), ([np.nan], False)])
def test_shares_lie_in_the_unit_interval(values, shares):
    assert are_shares(np.array(values, np.float64)) == shares


@given(seed=st.integers(0, 9999), confidence=st.floats(0, 1), spread=st.sampled_from([0.1, 3.0, 100.0]))
@settings(max_examples=40, deadline=None)
def test_the_top_label_has_the_new_confidence_and_the_others_keep_their_proportions(seed, confidence, spread):
    z = np.random.default_rng(seed).normal(0, spread, (4, 30))
    at, p = np.arange(30), softmax(z, axis=0)
    top = z.argmax(axis=0)
    scores = replace_confidence(z, lambda p: np.full_like(p, confidence))
    q = np.exp(scores)
    np.testing.assert_array_equal(scores.argmax(axis=0), top)
    np.testing.assert_allclose(q.sum(axis=0), 1, rtol=1e-6)
    others = np.where(np.arange(4)[:, None] == top, 0.0, p)
    share = np.exp(1e-3) * others.max(axis=0) / others.sum(axis=0)
    expected = np.clip(confidence, share / (1 + share), HIGHEST_CONFIDENCE)
    np.testing.assert_allclose(q[top, at], expected, rtol=1e-6)
    ratio = np.where(np.arange(4)[:, None] == top, 0.0, q) / (1 - q[top, at])
    np.testing.assert_allclose(ratio, others / others.sum(axis=0), rtol=1e-5, atol=1e-300)


@pytest.mark.parametrize("pieces", [1, 2, 3, 7, 8])
def test_the_twin_of_a_line_sets_the_confidence_that_the_line_has(pieces):
    g = np.random.default_rng(pieces)
    ends = np.sort(g.uniform(0.3, 1, pieces - 1))
    origins, starts, slopes = g.uniform(0, 1, pieces), g.uniform(0.4, 0.9, pieces), g.uniform(-0.1, 0.1, pieces)
    line = piecewise_line(ends, origins, starts, slopes)
    assert line.shape == (4, 1 << (pieces - 1).bit_length())
    assert line[0, pieces - 1 :].tolist() == [np.inf] * (line.shape[1] - pieces + 1)

    def confidence(p):
        piece = np.searchsorted(ends, p, side="left")  # a piece takes its right end
        return starts[piece] + slopes[piece] * (p - origins[piece])

    z = g.normal(0, 3, (4, 500)).astype(np.float32)
    expected = replace_confidence(z.astype(np.float64), confidence)
    twin_of_line(line)(z)
    np.testing.assert_allclose(z, expected, rtol=1e-4, atol=1e-4)

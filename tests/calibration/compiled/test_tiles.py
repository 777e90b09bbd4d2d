"""Stages on 256 pixels, which compiled transforms share, do what NumPy says."""

import numpy as np
import pytest
from scipy.special import log_softmax

from reliseg.calibration.compiled.tiles import (
    apply_affine,
    group_pixels,
    keep_on_top,
    log_probabilities,
    rank_columns,
    subtract_largest,
    write,
)
from reliseg.calibration.fitting import columns
from reliseg.calibration.fitting.affine import pack_affine
from reliseg.kernels.cpu.upsample import TILE

FLOAT = np.float32


def logits_with_ties(seed, pixels=TILE):
    return np.round(np.random.default_rng(seed).normal(0, 2, (5, pixels))).astype(FLOAT)


@pytest.mark.parametrize("count", [1, 200, TILE])
def test_logits_become_log_probabilities_of_the_pixels_asked_for(count):
    z = logits_with_ties(0, 700)
    below, top, high, total = (
        np.zeros((5, TILE), FLOAT),
        np.zeros(TILE, FLOAT),
        np.zeros(TILE, FLOAT),
        np.zeros(TILE, FLOAT),
    )
    subtract_largest(z, 300, count, below, top, high)
    part = z[:, 300 : 300 + count]
    np.testing.assert_array_equal(top[:count], part.argmax(axis=0))
    np.testing.assert_array_equal(high[:count], part.max(axis=0))
    np.testing.assert_array_equal(below[:, :count], part - part.max(axis=0))
    log_probabilities(5, below, total)
    np.testing.assert_allclose(below[:, :count], log_softmax(part, axis=0), rtol=1e-6, atol=1e-6)
    filled = np.full((5, 700), FLOAT(9))
    write(below, 300, count, filled)
    np.testing.assert_array_equal(filled[:, 300 : 300 + count], below[:, :count])
    assert (np.delete(filled, np.s_[300 : 300 + count], axis=1) == 9).all()


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (4, 4)])
def test_packed_matrices_map_each_pixel(shape):
    g = np.random.default_rng(sum(shape))
    weights, biases = g.normal(0, 1, shape), g.normal(0, 1, shape[0])
    packed, shifts = pack_affine(weights, biases)
    x, y = np.zeros((packed.shape[1], TILE), FLOAT), np.zeros((len(packed), TILE), FLOAT)
    x[: shape[1]] = g.normal(0, 1, (shape[1], TILE))
    apply_affine(packed, shifts, x, y)
    np.testing.assert_allclose(y[: shape[0]], weights @ x[: shape[1]] + biases[:, None], rtol=1e-5, atol=1e-5)
    assert (y[shape[0] :] == 0).all()


def test_the_top_column_is_kept_as_the_definition_keeps_it():
    scores = logits_with_ties(1)
    top = np.random.default_rng(2).integers(0, 5, TILE)
    scores[:, :9] = 0  # where the next float below is no denormal number
    expected = columns.keep_on_top(scores.astype(np.float64), top)
    high, under = np.zeros(TILE, FLOAT), np.zeros(TILE, FLOAT)
    keep_on_top(scores, 5, top.astype(FLOAT), high, under)
    np.testing.assert_array_equal(scores.argmax(axis=0), top)
    np.testing.assert_allclose(scores, expected, atol=float(np.finfo(FLOAT).tiny))


def test_columns_are_ranked_as_a_stable_sort_ranks_them():
    z, rank = logits_with_ties(3), np.empty((5, TILE), np.int32)
    rank_columns(z, rank)
    np.testing.assert_array_equal(np.argsort(rank, axis=0), np.argsort(-z, axis=0, kind="stable"))


@pytest.mark.parametrize(("pixels", "columns"), [(0, 3), (1, 1), (700, 5)])
def test_pixels_are_grouped_by_column_in_their_order(pixels, columns):
    predicted = np.random.default_rng(pixels).integers(0, columns, pixels).astype(np.int32)
    predicted[predicted == 2] = 0  # one column that is never predicted
    found, starts = group_pixels(predicted, columns)
    np.testing.assert_array_equal(found, np.argsort(predicted, kind="stable"))
    np.testing.assert_array_equal(starts, np.searchsorted(np.sort(predicted), np.arange(columns + 1)))

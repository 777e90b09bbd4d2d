"""Each stage of the compiled likelihood of maps of the predicted class does what NumPy says."""

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from reliseg.calibration.compiled.fit_kernels import order_columns, order_labels, residuals
from reliseg.calibration.compiled.tiles import group_pixels, rank_columns
from reliseg.calibration.fitting.affine_by_class import Form
from reliseg.kernels.cpu.upsample import TILE

ORDERS = ("class", "top", "rank")


@pytest.mark.parametrize(("pixels", "columns"), [(0, 3), (1, 1), (700, 5)])
def test_pixels_are_grouped_by_column_in_their_order(pixels, columns):
    predicted = np.random.default_rng(pixels).integers(0, columns, pixels).astype(np.int32)
    predicted[predicted == 2] = 0  # one column that is never predicted
    found, starts = group_pixels(predicted, columns)
    np.testing.assert_array_equal(found, np.argsort(predicted, kind="stable"))
    np.testing.assert_array_equal(starts, np.searchsorted(np.sort(predicted), np.arange(columns + 1)))


@pytest.mark.parametrize("top", [0, 2, 4])
@pytest.mark.parametrize("name", ORDERS)
def test_columns_and_labels_stand_as_the_form_orders_them(name, top):
    g = np.random.default_rng(top)
    below = np.round(g.normal(0, 1, (5, TILE)), 1)  # ties
    below[top] = below.max(axis=0) + 1
    order = Form(name).order(below, np.full(TILE, top))
    rank, z, row = np.empty((5, TILE), np.int32), np.empty((5, TILE)), np.full(TILE, -9, np.int32)
    rank_columns(below, rank)
    order_columns(below, top, ORDERS.index(name), rank, z)
    np.testing.assert_array_equal(z, np.take_along_axis(below, order, axis=0))
    labels = g.integers(0, 5, TILE)
    order_labels(labels, 200, top, ORDERS.index(name), rank, row)
    np.testing.assert_array_equal(row[:200], (order == labels).argmax(axis=0)[:200])
    assert (row[200:] == -9).all()


@pytest.mark.parametrize("pixels", [1, 255, TILE])
def test_residuals_are_the_derivatives_of_the_loss(pixels):
    g = np.random.default_rng(pixels)
    s, row = g.normal(0, 300, (6, TILE)), g.integers(0, 6, TILE).astype(np.int32)
    expected = softmax(s, axis=0)
    expected[row, np.arange(TILE)] -= 1
    expected[:, pixels:] = 0
    loss = 2.5 - log_softmax(s, axis=0)[row[:pixels], np.arange(pixels)].sum()
    assert residuals(s, row, pixels, 2.5) == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(s, expected, atol=1e-12)

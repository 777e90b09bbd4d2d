"""The inner loops of fits do what NumPy says, stage by stage and as a whole."""

import numpy as np
import pytest
from helpers.class_maps import METHODS
from scipy.special import log_softmax, softmax

from reliseg.calibration.compiled.fit_kernels import add_map_derivatives, exp, order_columns, order_labels, residuals
from reliseg.calibration.compiled.tiles import rank_columns
from reliseg.calibration.fitting.affine_by_class import Form
from reliseg.kernels.cpu.upsample import TILE

ORDERINGS = ("class", "top", "rank")


def test_the_exponential_is_numpys():
    x = -np.concatenate([np.random.default_rng(0).exponential(40, 5000), np.geomspace(1e-300, 700, 2000)])
    x = x[x > -700]
    np.testing.assert_allclose([exp(v) for v in x], np.exp(x), rtol=1e-15)
    assert (exp(0.0), exp(-708.5), exp(-1e300), exp(-np.inf)) == (1.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("top", [0, 2, 4])
@pytest.mark.parametrize("name", ORDERINGS)
def test_columns_and_labels_stand_as_the_form_orders_them(name, top):
    g = np.random.default_rng(top)
    below = np.round(g.normal(0, 1, (5, TILE)), 1)  # ties
    below[top] = below.max(axis=0) + 1
    order = Form(name).order(below, np.full(TILE, top))
    rank, z, row = np.empty((5, TILE), np.int32), np.empty((5, TILE)), np.full(TILE, -9, np.int32)
    rank_columns(below, rank)
    order_columns(below, top, ORDERINGS.index(name), rank, z)
    np.testing.assert_array_equal(z, np.take_along_axis(below, order, axis=0))
    labels = g.integers(0, 5, TILE)
    order_labels(labels, 200, top, ORDERINGS.index(name), rank, row)
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


@pytest.mark.parametrize("pixels", [1, 255, 3000])
@pytest.mark.parametrize("name", METHODS)
def test_the_compiled_likelihood_is_that_of_numpy(name, pixels):
    """Over more pixels of a class than are taken together, with a column that no class goes to, and ties."""
    g = np.random.default_rng(pixels)
    form = METHODS[name][1].form
    logits = np.round(g.normal(0, 3, (pixels, 6)), 1).astype(np.float32)
    logits[:, 2], logits[:, 0] = -np.inf, logits[:, 0] + 2
    live = np.array([0, 1, 3, 4, 5])
    labels = g.choice(live, pixels).astype(np.uint8)
    maps, shifts = g.normal(0, 0.4, (5, 5, 5)), g.normal(0, 1, (5, 5))
    z = logits.T[live].astype(np.float64)
    top = z.argmax(axis=0)
    order = form.order(z, top)
    zs = np.take_along_axis(log_softmax(z, axis=0) if name == "cms" else z - z.max(axis=0), order, axis=0)
    log_p = log_softmax(np.einsum("pij,jp->ip", maps[top], zs) + shifts[top].T, axis=0)
    hit = np.arange(5)[:, None] == (order == np.searchsorted(live, labels)).argmax(axis=0)
    left = np.exp(log_p) - hit
    by_maps, by_shifts = np.ones_like(maps), np.ones_like(shifts)
    np.add.at(by_maps, top, np.einsum("ip,jp->pij", left, zs))
    np.add.at(by_shifts, top, left.T)
    found = np.ones_like(maps), np.ones_like(shifts)
    value = add_map_derivatives(logits, labels, live, ORDERINGS.index(form.ordering), maps, shifts, *found)
    assert value == pytest.approx(-log_p[hit].sum(), rel=1e-12)
    np.testing.assert_allclose(found[0], by_maps, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(found[1], by_shifts, rtol=1e-10, atol=1e-10)

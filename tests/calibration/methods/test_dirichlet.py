"""Dirichlet calibration: derivatives, the optimum, its regularisation, and what it leaves alone."""

import json

import numpy as np
import pytest
from helpers.calibration_samples import sample_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from reliseg.calibration import CalibrationSample, calibrator
from reliseg.calibration.methods.dirichlet import Dirichlet, DirichletMap
from reliseg.calibration.methods.ts import Temperature
from reliseg.errors import CalibrationError, ConfigError
from reliseg.kernels import reference
from reliseg.prediction import Prediction

W = np.array([[0.7, 0.2, -0.1], [-0.2, 0.5, 0.0], [0.1, 0.1, 0.9]])
B = np.array([0.5, -0.2, -0.3])


def drawn(seed, *, pixels=300, spread=3.0, empty=False):
    """Labels drawn from softmax(W log p + B)."""
    g = np.random.default_rng(seed)
    z = g.normal(0, spread, (pixels, 3)).astype(np.float32)
    labels = (log_softmax(z.astype(np.float64), axis=1) @ W.T + B + g.gumbel(size=z.shape)).argmax(axis=1)
    if empty:
        z = np.concatenate([z, np.full((pixels, 1), -np.inf, np.float32)], axis=1)
    return z, labels.astype(np.uint8)


def nll(sample, scores):
    total = 0.0
    for z, labels in sample.parts:
        log_p = log_softmax(scores(z.T.astype(np.float64)), axis=0)
        total -= log_p[labels, np.arange(len(labels))].sum()
    return total / len(sample)


def map_of(weights, biases):
    return DirichletMap(tuple(map(tuple, weights.tolist())), tuple(biases.tolist()))


def test_the_map_that_labels_were_drawn_with_is_found():
    fitted = Dirichlet(off_diagonal=1e-6, bias=1e-6).fit(sample_of(drawn(0, pixels=60_000)))
    # softmax knows each column of W, and b, up to a number added to all its rows
    found = np.array(fitted.weights)
    np.testing.assert_allclose(found - found.mean(axis=0), W - W.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(fitted.biases, B, atol=0.08)


@pytest.mark.slow
@given(seed=st.integers(0, 999), spread=st.sampled_from([0.1, 3.0, 30.0]), pixels=st.sampled_from([3, 40, 300]))
@settings(max_examples=4, deadline=None)
def test_its_loss_on_its_own_sample_is_not_above_that_of_ts(seed, spread, pixels):
    sample = sample_of(drawn(seed, spread=spread, pixels=pixels))
    slope = 1 / Temperature().fit(sample).temperature
    assert nll(sample, Dirichlet().fit(sample).transform) <= nll(sample, lambda z: z * slope) + 1e-12


def test_the_penalised_loss_is_the_papers_and_no_small_move_lowers_it():
    sample, g = sample_of(drawn(3)), np.random.default_rng(0)

    def penalised(fitted):
        weights, off = np.array(fitted.weights), ~np.eye(3, dtype=bool)
        odir = 0.05 * (weights[off] ** 2).sum() / (3 * 2) + 0.02 * (np.array(fitted.biases) ** 2).sum() / 3
        return nll(sample, fitted.transform) + odir

    fitted = Dirichlet(off_diagonal=0.05, bias=0.02).fit(sample)
    best = penalised(fitted)
    for _ in range(40):
        moved = map_of(np.array(fitted.weights) + g.normal(0, 0.01, (3, 3)), np.array(fitted.biases))
        assert penalised(moved) >= best - 1e-7
        moved = map_of(np.array(fitted.weights), np.array(fitted.biases) + g.normal(0, 0.01, 3))
        assert penalised(moved) >= best - 1e-7


def test_strong_regularisation_leaves_the_diagonal():
    fitted = Dirichlet(off_diagonal=1e6, bias=1e6).fit(sample_of(drawn(4)))
    assert np.abs(np.array(fitted.weights)[~np.eye(3, dtype=bool)]).max() < 1e-4
    assert max(map(abs, fitted.biases)) < 1e-4


def test_a_map_is_what_the_formula_says():
    z = np.random.default_rng(0).normal(0, 4, (3, 20))
    p = np.exp(z) / np.exp(z).sum(axis=0)
    e = np.exp(W @ np.log(p) + B[:, None])
    found = np.exp(log_softmax(map_of(W, B).transform(z), axis=0))
    np.testing.assert_allclose(found, e / e.sum(axis=0), rtol=1e-11)


def test_classes_that_do_not_occur_keep_the_temperature():
    z, labels = drawn(4, pixels=2000)
    keep = labels != 1
    sample = sample_of((z[keep], labels[keep]))
    fitted = Dirichlet().fit(sample)
    slope = 1 / Temperature().fit(sample).temperature
    np.testing.assert_allclose(fitted.weights[1], [0, slope, 0], rtol=1e-12)
    assert fitted.biases[1] == 0
    assert np.abs(fitted.weights).max() < 10


def test_separable_classes_do_not_diverge():
    z = np.repeat(np.eye(3) * 8, 20, axis=0)
    fitted = Dirichlet().fit(sample_of((z, np.repeat(np.arange(3), 20))))
    assert np.abs(fitted.weights).max() <= 25


def test_columns_without_a_model_class_stay_so_and_add_nothing():
    fitted = Dirichlet().fit(sample_of(drawn(5, empty=True)))
    without = Dirichlet().fit(sample_of(drawn(5)))
    np.testing.assert_allclose(np.array(fitted.weights)[:3, :3], without.weights, rtol=1e-9)
    logits = np.random.default_rng(0).normal(0, 5, (3, 3, 4)).astype(np.float32)
    before = Prediction(logits, (7, 9))
    after = reference.full_logits(fitted(before).view(), 4)
    assert (after[3] == -np.inf).all()
    plain = reference.full_logits(before.view(), 4)[:3]
    np.testing.assert_allclose(after[:3], without.transform(plain), rtol=1e-7)


def test_extreme_logits_stay_finite():
    z, labels = drawn(6)
    z[::3] = np.sign(z[::3]) * 1000
    fitted = Dirichlet().fit(sample_of((z, labels)))
    assert np.isfinite(fitted.weights).all()
    assert np.isfinite(fitted.transform(z.T.astype(np.float64))).all()


def test_two_fits_are_the_same_and_survive_json():
    sample = sample_of(drawn(7), drawn(8))
    fitted = Dirichlet().fit(sample)
    text = json.dumps(fitted.parameters())
    assert json.dumps(Dirichlet().fit(sample).parameters()) == text
    assert Dirichlet().restore(json.loads(text)) == fitted


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(CalibrationError, match="are void or unknown"):
        Dirichlet().fit(CalibrationSample([]))
    with pytest.raises(CalibrationError, match="all equal"):
        Dirichlet().fit(sample_of((np.zeros((4, 3)), [0, 1, 2, 0])))
    with pytest.raises(CalibrationError, match="fitted on 3 columns"):
        map_of(W, B)(Prediction(np.zeros((4, 2, 2), np.float32), (2, 2)))
    with pytest.raises(ConfigError, match="off_diagonal is -1"):
        calibrator("dirichlet(off_diagonal=-1.0)")

"""Ensemble temperature scaling: derivatives, the optimum on the simplex, and the argmax."""

import json

import numpy as np
import pytest
from helpers.calibration_samples import sample_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from reliseg.calibration import CalibrationSample
from reliseg.calibration.fitting.columns import inspect_columns
from reliseg.calibration.methods.ensemble_ts import EnsembleTemperature, ScaledEnsemble, loss
from reliseg.calibration.methods.ts import Temperature
from reliseg.errors import CalibrationError
from reliseg.kernels import reference
from reliseg.prediction import Prediction

MIXTURES = [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.3, 0.5, 0.2), (1e-6, 0.0, 1 - 1e-6), (0.0, 1e-6, 1 - 1e-6)]


def drawn(seed, *, pixels=300, classes=4, temperature=2.0, spread=3.0, noise=0.1, empty=False):
    """Labels from softmax(z / temperature), a share `noise` of them from a uniform distribution."""
    g = np.random.default_rng(seed)
    z = g.normal(0, spread, (pixels, classes)).astype(np.float32)
    labels = (z / temperature + g.gumbel(size=z.shape)).argmax(axis=1)
    labels = np.where(g.random(pixels) < noise, g.integers(0, classes, pixels), labels)
    if empty:
        z = np.concatenate([z, np.full((pixels, 1), -np.inf, np.float32)], axis=1)
    return z, labels.astype(np.uint8)


def nll(sample, temperature, weights):
    """The formula of Zhang et al., written out."""
    total = 0.0
    for z, labels in sample.parts:
        z = z[:, np.isfinite(z[0])].astype(np.float64)
        p = weights[0] * softmax(z / temperature, axis=1) + weights[1] * softmax(z, axis=1) + weights[2] / z.shape[1]
        total -= np.log(p[np.arange(len(labels)), labels]).sum()
    return total / len(sample)


def test_loss_is_the_formula_and_derivatives_are_those_of_finite_differences():
    sample = sample_of(drawn(0), drawn(1, pixels=50))
    columns, weights = inspect_columns(sample, "ensemble_ts"), np.array([0.5, 0.3, 0.2])
    value, gradient = loss(sample, columns, 1 / 1.7, weights)
    assert value == pytest.approx(nll(sample, 1.7, weights), rel=1e-12)
    for k in range(3):
        step = np.eye(3)[k] * 1e-6
        slope = (
            loss(sample, columns, 1 / 1.7, weights + step)[0] - loss(sample, columns, 1 / 1.7, weights - step)[0]
        ) / 2e-6
        assert slope == pytest.approx(gradient[k], abs=1e-7)


@given(
    seed=st.integers(0, 999),
    temperature=st.sampled_from([0.3, 1.0, 2.0, 50.0]),
    noise=st.sampled_from([0.0, 0.3, 1.0]),
    pixels=st.sampled_from([3, 40, 300]),
)
@settings(max_examples=30, deadline=None)
def test_it_is_the_best_mixture_and_not_worse_than_ts(seed, temperature, noise, pixels):
    sample = sample_of(drawn(seed, temperature=temperature, noise=noise, pixels=pixels, empty=seed % 2 == 0))
    fitted = EnsembleTemperature().fit(sample)
    assert fitted.temperature == Temperature().fit(sample).temperature
    assert min(fitted.weights) >= 0
    assert sum(fitted.weights) == pytest.approx(1, abs=1e-9)
    found = nll(sample, fitted.temperature, fitted.weights)
    assert found <= nll(sample, fitted.temperature, (1, 0, 0)) + 1e-12
    for other in np.random.default_rng(seed).dirichlet([0.5] * 3, 20):
        assert found <= nll(sample, fitted.temperature, other) + 1e-5


def test_uniform_noise_of_labels_is_found():
    fitted = EnsembleTemperature().fit(sample_of(drawn(0, pixels=40_000, spread=8, temperature=1.0, noise=0.2)))
    # T is that of ts, about 3 here, and cannot follow: the noise's share is found, its deviation is below 0.01
    assert fitted.weights[2] == pytest.approx(0.2, abs=0.05)


def test_a_mixture_is_what_the_formula_says():
    z = np.random.default_rng(0).normal(0, 4, (4, 30))
    p = 0.3 * softmax(z / 2.5, axis=0) + 0.5 * softmax(z, axis=0) + 0.2 / 4
    np.testing.assert_allclose(np.exp(ScaledEnsemble(2.5, (0.3, 0.5, 0.2)).transform(z)), p, rtol=1e-6)


@given(
    seed=st.integers(0, 999),
    temperature=st.sampled_from([0.05, 1.0, 20.0]),
    weights=st.sampled_from(MIXTURES),
    spread=st.sampled_from([1e-9, 0.1, 5.0, 1000.0]),
)
@settings(max_examples=60, deadline=None)
def test_every_pixel_keeps_its_argmax_ties_too(seed, temperature, weights, spread):
    g = np.random.default_rng(seed)
    z = np.concatenate([g.normal(0, spread, (4, 20)), g.integers(-1, 2, (4, 20)) * spread], axis=1)
    z = np.concatenate([z, np.full((1, 40), -np.inf)])
    after = ScaledEnsemble(temperature, weights).transform(z)
    np.testing.assert_array_equal(after.argmax(axis=0), z.argmax(axis=0))
    np.testing.assert_array_equal(after.astype(np.float32).argmax(axis=0), z.argmax(axis=0))
    assert np.isfinite(after[:4]).all()
    assert (after[4] == -np.inf).all()


def test_extreme_logits_can_be_fitted():
    z, labels = drawn(6)
    z[::3] = np.sign(z[::3]) * 1000
    fitted = EnsembleTemperature().fit(sample_of((z, labels)))
    assert np.isfinite(fitted.weights).all()
    assert fitted.weights[2] > 0


def test_predictions_are_mixed_at_full_resolution():
    before = Prediction(np.random.default_rng(0).normal(0, 5, (4, 3, 4)).astype(np.float32), (7, 9))
    fitted = ScaledEnsemble(2.0, (0.3, 0.5, 0.2))
    plain = reference.full_logits(before.view(), 5)
    np.testing.assert_array_equal(reference.full_logits(fitted(before).view(), 5), fitted.transform(plain))
    assert before.transform is None


def test_two_fits_are_the_same_and_survive_json():
    sample = sample_of(drawn(7), drawn(8))
    fitted = EnsembleTemperature().fit(sample)
    text = json.dumps(fitted.parameters())
    assert json.dumps(EnsembleTemperature().fit(sample).parameters()) == text
    assert EnsembleTemperature().restore(json.loads(text)) == fitted


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(CalibrationError, match="are void or unknown"):
        EnsembleTemperature().fit(CalibrationSample([]))
    with pytest.raises(CalibrationError, match="all equal"):
        EnsembleTemperature().fit(sample_of((np.zeros((4, 3)), [0, 1, 2, 0])))

"""Vector scaling: derivatives, the optimum, and what it leaves alone."""

import json

import numpy as np
import pytest
from helpers.calibration_samples import sample_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from reliseg.calibration import CalibrationSample, calibrator
from reliseg.calibration.methods.ts import Temperature
from reliseg.calibration.methods.vector import ScaledVector, Vector
from reliseg.errors import CalibrationError, ConfigError
from reliseg.kernels import reference
from reliseg.prediction import Prediction


def drawn(seed, *, pixels=300, scales=(0.6, 0.5, 0.8, 0.4), biases=(1.0, -0.5, 0.3, -0.8), spread=3.0, empty=False):
    """Labels drawn from softmax(scales * z + biases)."""
    g = np.random.default_rng(seed)
    z = g.normal(0, spread, (pixels, len(scales))).astype(np.float32)
    labels = (z * np.array(scales) + np.array(biases) + g.gumbel(size=z.shape)).argmax(axis=1)
    if empty:
        z = np.concatenate([z, np.full((pixels, 1), -np.inf, np.float32)], axis=1)
    return z, labels.astype(np.uint8)


def nll(sample, scores):
    total = 0.0
    for z, labels in sample.parts:
        log_p = log_softmax(scores(z.T.astype(np.float64)), axis=0)
        total -= log_p[labels, np.arange(len(labels))].sum()
    return total / len(sample)


def test_the_map_that_labels_were_drawn_with_is_found():
    fitted = Vector().fit(sample_of(drawn(0, pixels=40_000)))
    # biases are known up to a common shift; deviations of the estimate are 0.01 to 0.02
    np.testing.assert_allclose(fitted.scales, [0.6, 0.5, 0.8, 0.4], atol=0.06)
    np.testing.assert_allclose(fitted.biases, [1.0, -0.5, 0.3, -0.8], atol=0.08)


@given(seed=st.integers(0, 999), spread=st.sampled_from([0.1, 3.0, 30.0]), pixels=st.sampled_from([3, 40, 300]))
@settings(max_examples=5, deadline=None)
def test_its_loss_on_its_own_sample_is_not_above_that_of_ts(seed, spread, pixels):
    sample = sample_of(drawn(seed, spread=spread, pixels=pixels))
    slope = 1 / Temperature().fit(sample).temperature
    assert nll(sample, Vector().fit(sample).transform) <= nll(sample, lambda z: z * slope) + 1e-12


def test_no_small_move_is_better():
    sample = sample_of(drawn(3))
    fitted = Vector(ridge=1e-12).fit(sample)
    best, g = nll(sample, fitted.transform), np.random.default_rng(0)
    for _ in range(30):
        a, b = (np.array(v) + g.normal(0, 0.01, 4) for v in (fitted.scales, fitted.biases))
        assert nll(sample, ScaledVector(tuple(a), tuple(b)).transform) >= best - 1e-9


def test_a_map_is_what_the_formula_says():
    z = np.random.default_rng(0).normal(0, 4, (3, 20))
    a, b = np.array([0.5, 2.0, -1.0]), np.array([0.0, 1.0, -3.0])
    e = np.exp(np.diag(a) @ z + b[:, None])
    p = np.exp(log_softmax(ScaledVector(tuple(a), tuple(b)).transform(z), axis=0))
    np.testing.assert_allclose(p, e / e.sum(axis=0), rtol=1e-12)


def test_classes_that_do_not_occur_keep_the_temperature():
    z, labels = drawn(4, pixels=2000)
    keep = labels != 2
    sample = sample_of((z[keep], labels[keep]))
    fitted = Vector().fit(sample)
    assert fitted.scales[2] == pytest.approx(1 / Temperature().fit(sample).temperature, rel=1e-12)
    assert fitted.biases[2] == 0
    assert sum(fitted.biases) == pytest.approx(0, abs=1e-9)
    assert max(map(abs, fitted.scales + fitted.biases)) < 10


def test_separable_classes_do_not_diverge():
    z = np.repeat(np.eye(3) * 8, 20, axis=0)
    fitted = Vector().fit(sample_of((z, np.repeat(np.arange(3), 20))))
    assert max(map(abs, fitted.scales)) <= 25
    assert max(map(abs, fitted.biases)) < 1


def test_columns_without_a_model_class_stay_so():
    fitted = Vector().fit(sample_of(drawn(5, empty=True)))
    assert len(fitted.scales) == 5
    without = Vector().fit(sample_of(drawn(5)))
    np.testing.assert_allclose(fitted.scales[:4], without.scales, rtol=1e-9)
    logits = np.random.default_rng(0).normal(0, 5, (4, 3, 4)).astype(np.float32)
    before = Prediction(logits, (7, 9))
    after = reference.full_logits(fitted(before).view(), 5)
    assert (after[4] == -np.inf).all()
    assert np.isfinite(after[:4]).all()
    flipped = ScaledVector((-1.0, 0.0, 1.0), (0.0, 0.0, 0.0)).transform(np.full((3, 1), -np.inf))
    assert (flipped == -np.inf).all()


def test_extreme_logits_stay_finite():
    z, labels = drawn(6)
    z[::3] = np.sign(z[::3]) * 1000
    fitted = Vector().fit(sample_of((z, labels)))
    assert np.isfinite(fitted.transform(z.T.astype(np.float64))).all()
    assert np.isfinite(fitted.scales + fitted.biases).all()


def test_two_fits_are_the_same_and_survive_json():
    sample = sample_of(drawn(7), drawn(8))
    fitted = Vector().fit(sample)
    text = json.dumps(fitted.parameters())
    assert json.dumps(Vector().fit(sample).parameters()) == text
    assert Vector().restore(json.loads(text)) == fitted


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(CalibrationError, match="are void or unknown"):
        Vector().fit(CalibrationSample([]))
    with pytest.raises(CalibrationError, match="all equal"):
        Vector().fit(sample_of((np.zeros((4, 3)), [0, 1, 2, 0])))
    with pytest.raises(
        CalibrationError, match="logits of -inf at some pixels and finite ones at others, in columns 2;"
    ):
        Vector().fit(sample_of((np.array([[0, 1, -np.inf], [2, 1, 0]]), [0, 1])))
    with pytest.raises(CalibrationError, match="fitted on 3 columns"):
        ScaledVector((1.0,) * 3, (0.0,) * 3)(Prediction(np.zeros((4, 2, 2), np.float32), (2, 2)))
    with pytest.raises(ConfigError, match="ridge is 0"):
        calibrator("vector(ridge=0.0)")

"""Isotonic regression of the top label, against scikit-learn on every pixel, and the argmax."""

import json
import sys

import numpy as np
import pytest
from helpers.calibration_samples import drawn, sample_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.isotonic import IsotonicRegression

from reliseg.calibration import CalibrationSample
from reliseg.calibration.methods.isotonic import Isotonic, Monotone
from reliseg.errors import CalibrationError, MissingExtraError
from reliseg.kernels import reference
from reliseg.prediction import Prediction


def scikit_learn(sample):
    """Its regression on all pixels at once."""
    p, labels = (
        np.concatenate(a) for a in zip(*[(softmax(z.astype(float), axis=1), y) for z, y in sample.parts], strict=True)
    )
    right = (p.argmax(axis=1) == labels).astype(float)
    return IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(p.max(axis=1), right)


def test_it_is_scikit_learns_where_cells_hold_one_confidence():
    g = np.random.default_rng(0)
    gaps = g.integers(1, 60, 3000) / 8  # two classes: log odds on a grid, each value in a cell of its own
    right = g.random(3000) < 0.5 + 0.4 * gaps / 8
    z = np.stack([gaps + 1 / 16384, np.zeros(3000)], axis=1)
    sample = sample_of((z[:1000], ~right[:1000]), (z[1000:], ~right[1000:]))
    fitted, expected = Isotonic().fit(sample), scikit_learn(sample)
    np.testing.assert_allclose(fitted.confidences, expected.X_thresholds_, rtol=1e-12)
    np.testing.assert_allclose(fitted.accuracies, expected.y_thresholds_, rtol=1e-12)


@pytest.mark.parametrize("spread", [1.0, 5.0])
def test_it_is_close_to_scikit_learns_on_every_pixel(spread):
    sample = sample_of(drawn(1, pixels=20_000, spread=spread, empty=True))
    fitted, expected = Isotonic().fit(sample), scikit_learn(sample)
    (z, labels), *_ = sample.parts
    p = softmax(z.astype(float), axis=1)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == labels
    found, best = np.interp(confidence, fitted.confidences, fitted.accuracies), expected.predict(confidence)
    # pixels of a cell count as one point: that costs a thousandth of what the regression gains, 0.02 here
    excess = ((found - right) ** 2).mean() - ((best - right) ** 2).mean()
    assert -1e-12 < excess < 2e-5
    assert np.abs(found - best).mean() < 1e-3


def test_the_line_never_falls_and_stays_in_the_unit_interval():
    fitted = Isotonic().fit(sample_of(drawn(2)))
    assert (np.diff(fitted.confidences) > 0).all()
    assert (np.diff(fitted.accuracies) >= 0).all()
    assert 0 <= fitted.accuracies[0] <= fitted.accuracies[-1] <= 1


def test_confidence_beyond_what_cells_resolve_is_fitted():
    z = np.array([[1000.0, -1000.0]] * 9 + [[1.0, 0.0]] * 4)
    fitted = Isotonic().fit(sample_of((z, [0] * 8 + [1] + [0, 1] * 2)))
    after = fitted.transform(z.T)
    assert np.exp(after[0, 0]) == pytest.approx(8 / 9)
    assert np.exp(after[0, -1]) == pytest.approx(0.5, abs=3e-4)  # it leads the second by 0.1 %


@given(
    seed=st.integers(0, 999),
    ends=st.tuples(st.sampled_from([0.0, 0.3, 1.0]), st.sampled_from([0.0, 0.6, 1.0])).map(sorted),
    spread=st.sampled_from([1e-9, 0.1, 5.0, 1000.0]),
)
@settings(max_examples=60, deadline=None)
def test_every_pixel_keeps_its_argmax_ties_too(seed, ends, spread):
    g = np.random.default_rng(seed)
    z = np.concatenate([g.normal(0, spread, (4, 20)), g.integers(-1, 2, (4, 20)) * spread], axis=1)
    z = np.concatenate([z, np.full((1, 40), -np.inf)])
    after = Monotone((0.2, 1.0), tuple(ends)).transform(z)
    np.testing.assert_array_equal(after.argmax(axis=0), z.argmax(axis=0))
    np.testing.assert_array_equal(after.astype(np.float32).argmax(axis=0), z.argmax(axis=0))
    assert np.isfinite(after[:4]).all()
    assert (after[4] == -np.inf).all()


def test_the_new_confidence_is_read_off_the_line():
    z = np.random.default_rng(6).normal(0, 3, (5, 200))
    p = softmax(z, axis=0)
    q = np.exp(Monotone((0.0, 1.0), (0.5, 0.9)).transform(z))
    np.testing.assert_allclose(q.max(axis=0), 0.5 + 0.4 * p.max(axis=0), rtol=1e-6)
    np.testing.assert_allclose(q.sum(axis=0), 1, rtol=1e-6)


def test_predictions_are_changed_at_full_resolution():
    before = Prediction(np.random.default_rng(0).normal(0, 5, (4, 3, 4)).astype(np.float32), (7, 9))
    fitted = Isotonic().fit(sample_of(drawn(0)))
    plain = reference.full_logits(before.view(), 5)
    np.testing.assert_array_equal(reference.full_logits(fitted(before).view(), 5), fitted.transform(plain))


def test_two_fits_are_the_same_and_survive_json():
    sample = sample_of(drawn(7), drawn(8))
    fitted = Isotonic().fit(sample)
    text = json.dumps(fitted.parameters())
    assert json.dumps(Isotonic().fit(sample).parameters()) == text
    assert Isotonic().restore(json.loads(text)) == fitted


def test_what_cannot_be_fitted_is_refused(monkeypatch):
    with pytest.raises(CalibrationError, match="are void or unknown"):
        Isotonic().fit(CalibrationSample([]))
    with pytest.raises(CalibrationError, match="all equal"):
        Isotonic().fit(sample_of((np.zeros((4, 3)), [0, 1, 2, 0])))
    monkeypatch.setitem(sys.modules, "sklearn.isotonic", None)
    with pytest.raises(MissingExtraError, match="isotonic needs scikit-learn"):
        Isotonic().fit(sample_of(drawn(0)))

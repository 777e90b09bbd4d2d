"""Histogram binning of the top label: its bins, the formula, and the argmax."""

import json

import numpy as np
import pytest
from helpers.calibration_samples import drawn, sample_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.calibration import calibration_curve

from reliseg.calibration import CalibrationSample, calibrator
from reliseg.calibration.methods.histogram import Binned, Histogram
from reliseg.errors import CalibrationError, ConfigError
from reliseg.kernels import reference
from reliseg.prediction import Prediction


def top_labels(sample):
    """Confidence of the top label and whether it is right."""
    p, labels = (
        np.concatenate(a) for a in zip(*[(softmax(z.astype(float), axis=1), y) for z, y in sample.parts], strict=True)
    )
    return p.max(axis=1), p.argmax(axis=1) == labels


@pytest.mark.parametrize("bins", [1, 5, 15])
def test_each_bin_has_its_accuracy(bins):
    sample = sample_of(drawn(0, empty=True), drawn(1, pixels=77, empty=True))
    fitted = Histogram(bins).fit(sample)
    confidence, right = top_labels(sample)
    assert fitted.edges == tuple(i / bins for i in range(bins + 1))
    for k, (low, high) in enumerate(zip(fitted.edges[:-1], fitted.edges[1:], strict=True)):
        inside = (confidence > low) & (confidence <= high)
        expected = right[inside].mean() if inside.any() else (low + high) / 2
        assert fitted.values[k] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("bins", [3, 15])
def test_values_are_those_of_scikit_learns_calibration_curve(bins):
    sample = sample_of(drawn(0, empty=True), drawn(1, pixels=77, empty=True))
    confidence, right = top_labels(sample)
    accuracy, _ = calibration_curve(right, confidence, n_bins=bins, strategy="uniform")
    fitted = Histogram(bins).fit(sample)
    filled = np.histogram(confidence, np.array(fitted.edges))[0] > 0  # it leaves out the others
    np.testing.assert_allclose(np.array(fitted.values)[filled], accuracy, rtol=1e-12)


@pytest.mark.parametrize("spread", [1.0, 10.0])
def test_bins_of_equal_count_hold_about_as_many_pixels(spread):
    sample = sample_of(drawn(2, pixels=20_000, spread=spread))
    fitted = Histogram(10, equal="count").fit(sample)
    confidence, right = top_labels(sample)
    counts, _ = np.histogram(confidence, np.array(fitted.edges))
    assert len(counts) == 10
    # cells of 1/4096 of log odds hold 0.1 % of the pixels at most
    np.testing.assert_allclose(counts, 2000, atol=45)
    last = confidence > fitted.edges[-2]
    assert fitted.values[-1] == pytest.approx(right[last].mean(), abs=1e-9)


def test_pixels_that_are_alike_share_a_bin():
    z = np.repeat([[2.0, 0.0], [9.0, 0.0]], [10, 90], axis=0)
    fitted = Histogram(15, equal="count").fit(sample_of((z, [0] * 100)))
    assert len(fitted.values) == 2
    assert fitted.values == (1.0, 1.0)


def test_the_new_confidence_is_the_bins_and_the_others_keep_their_proportions():
    sample = sample_of(drawn(3, classes=2, pixels=4000), drawn(4, classes=2))
    fitted = Histogram().fit(sample)
    z = np.random.default_rng(5).normal(0, 3, (2, 200))
    p, q = softmax(z, axis=0), np.exp(fitted.transform(z))
    values, edges = np.array(fitted.values), np.array(fitted.edges)
    wanted = values[np.searchsorted(edges, p.max(axis=0), side="left") - 1]
    # with two classes the top label needs a bit more than one half
    np.testing.assert_allclose(q.max(axis=0), np.clip(wanted, 1 / (1 + np.exp(-1e-3)), 1 - 1e-6), rtol=1e-6)
    z = np.random.default_rng(6).normal(0, 3, (5, 200))
    p, q = softmax(z, axis=0), np.exp(Binned((0.0, 1.0), (0.6,)).transform(z))
    scaled = p * 0.4 / (1 - p.max(axis=0))
    scaled[p.argmax(axis=0), np.arange(200)] = 0.6
    np.testing.assert_allclose(q, scaled, rtol=1e-9)


@given(
    seed=st.integers(0, 999),
    values=st.lists(st.sampled_from([0.0, 0.1, 0.5, 0.9999999, 1.0]), min_size=4, max_size=4),
    spread=st.sampled_from([1e-9, 0.1, 5.0, 1000.0]),
)
@settings(max_examples=60, deadline=None)
def test_every_pixel_keeps_its_argmax_ties_too(seed, values, spread):
    g = np.random.default_rng(seed)
    z = np.concatenate([g.normal(0, spread, (4, 20)), g.integers(-1, 2, (4, 20)) * spread], axis=1)
    z = np.concatenate([z, np.full((1, 40), -np.inf)])
    after = Binned((0.0, 0.25, 0.5, 0.75, 1.0), tuple(values)).transform(z)
    np.testing.assert_array_equal(after.argmax(axis=0), z.argmax(axis=0))
    np.testing.assert_array_equal(after.astype(np.float32).argmax(axis=0), z.argmax(axis=0))
    assert np.isfinite(after[:4]).all()
    assert (after[4] == -np.inf).all()
    np.testing.assert_allclose(np.exp(after).sum(axis=0), 1, rtol=1e-6)
    assert np.exp(after).max() <= 1 - 1e-6 + 1e-12


def test_a_confidence_below_the_floor_leads_the_second_a_little():
    z = np.log(np.array([[0.5], [0.3], [0.2]]))
    q = np.exp(Binned((0.0, 1.0), (0.0,)).transform(z))
    top = 0.6 * np.exp(1e-3) / (1 + 0.6 * np.exp(1e-3))
    np.testing.assert_allclose(q[:, 0], [top, (1 - top) * 0.6, (1 - top) * 0.4], rtol=1e-9)
    assert np.log(q[0, 0] / q[1, 0]) == pytest.approx(1e-3, rel=1e-6)


def test_one_live_column_stays_on_top():
    z = np.array([[-np.inf, -np.inf], [3.0, -3.0]])
    after = Binned((0.0, 1.0), (0.4,)).transform(z)
    assert (after[0] == -np.inf).all()
    assert np.isfinite(after[1]).all()


def test_predictions_are_changed_at_full_resolution():
    before = Prediction(np.random.default_rng(0).normal(0, 5, (4, 3, 4)).astype(np.float32), (7, 9))
    fitted = Histogram().fit(sample_of(drawn(0)))
    plain = reference.full_logits(before.view(), 5)
    np.testing.assert_array_equal(reference.full_logits(fitted(before).view(), 5), fitted.transform(plain))


@pytest.mark.parametrize("equal", ["width", "count"])
def test_two_fits_are_the_same_and_survive_json(equal):
    z, labels = drawn(6)
    z[::3] = np.sign(z[::3]) * 1000
    sample = sample_of(drawn(7), (z, labels))
    fitted = Histogram(equal=equal).fit(sample)
    text = json.dumps(fitted.parameters())
    assert json.dumps(Histogram(equal=equal).fit(sample).parameters()) == text
    assert Histogram().restore(json.loads(text)) == fitted


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(CalibrationError, match="are void or unknown"):
        Histogram().fit(CalibrationSample([]))
    with pytest.raises(CalibrationError, match="all equal"):
        Histogram().fit(sample_of((np.zeros((4, 3)), [0, 1, 2, 0])))
    with pytest.raises(ConfigError, match="bins is 0"):
        calibrator("histogram(bins=0)")
    with pytest.raises(ConfigError, match="give width or count"):
        calibrator("histogram(equal=mass)")

"""Maps of the predicted class, of `cms` and its variants: what they compute, their derivatives and the optimum."""

import json
from dataclasses import replace

import numpy as np
import pytest
from helpers.calibration_samples import random_part, sample_of
from helpers.class_maps import METHODS, nll, problem, random_maps
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from reliseg.calibration import CalibrationSample, calibrator
from reliseg.calibration.fitting.affine_by_class import LEAST_DIAGONAL, Form
from reliseg.calibration.methods.ts import Temperature
from reliseg.errors import CalibrationError, ConfigError
from reliseg.kernels import reference
from reliseg.prediction import Prediction

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("ordering", ["class", "top", "rank"])
def test_what_a_map_gives_is_decoded_to_what_was_encoded(ordering):
    """But for what all scores have in common."""
    form = Form(ordering)
    z = np.random.default_rng(0).normal(0, 3, (5, 60))
    zs = np.take_along_axis(z, form.order(z, z.argmax(axis=0)), axis=0)
    encoded = form.encode(5) @ zs
    assert not form.is_non_negative or encoded.min() >= 0
    decoded = form.decode(5) @ encoded
    np.testing.assert_allclose(decoded - decoded.mean(axis=0), zs - zs.mean(axis=0), rtol=1e-12, atol=1e-12)


def test_a_row_is_trainable_where_a_label_stands_at_it_and_for_ranks_behind_it():
    present = np.array([[True, False, True, False], [False, False, False, True]])
    assert Form("class").trainable_rows(present).tolist() == present.tolist()
    assert Form("top").trainable_rows(present).tolist() == [[False, True, False], [False, False, True]]
    assert Form("rank").trainable_rows(present).tolist() == [[True, True, False], [True, True, True]]


@pytest.mark.parametrize("name", METHODS)
def test_the_result_does_not_depend_on_what_is_added_to_all_logits(name):
    fitted = random_maps(name, 2)
    z = np.random.default_rng(3).normal(0, 4, (6, 60))
    np.testing.assert_allclose(fitted.transform(z + 7.5)[:5], fitted.transform(z)[:5], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", METHODS)
def test_the_identity_is_among_them(name):
    kind = METHODS[name][1]
    k = 5 - kind.form.is_non_negative
    eye, none = tuple(map(tuple, np.eye(k).tolist())), (0.0,) * k
    fitted = kind(6, tuple(range(5)), 1.0, tuple(range(5)), (eye,) * 5, (none,) * 5)
    z = np.random.default_rng(0).normal(0, 4, (6, 40))
    found = log_softmax(fitted.transform(z)[:5], axis=0)
    np.testing.assert_allclose(found, log_softmax(z[:5], axis=0), rtol=1e-12)


@pytest.mark.parametrize("name", METHODS)
def test_derivatives_are_those_of_finite_differences(name):
    sample = sample_of(random_part(0, classes=4), random_part(1, classes=4, pixels=50))
    fit = problem(name, sample)
    g = np.random.default_rng(0)
    e, k = fit.scales.shape[0], fit.scales.shape[1] - 1
    weights, biases = 0.6 * np.eye(k) + g.normal(0, 0.1, (e, k, k)), g.normal(0, 0.3, (e, k))
    _, by_weights, by_biases = fit.objective(weights, biases)
    centred = fit.form.ordering == "class"
    for _ in range(25):
        a, i, j = (int(g.integers(n)) for n in (e, k, k))
        step = np.zeros((e, k, k))
        step[a, i, j] = 1e-5
        slope = (fit.objective(weights + step, biases)[0] - fit.objective(weights - step, biases)[0]) / 2e-5
        assert slope == pytest.approx(by_weights[a, i, j], abs=1e-8)
        shift = step[:, :, j].copy()
        shift[a] -= shift[a].mean() * centred  # biases of cms add up to 0
        slope = (fit.objective(weights, biases + shift)[0] - fit.objective(weights, biases - shift)[0]) / 2e-5
        assert slope == pytest.approx(by_biases[a, i], abs=1e-8)


@pytest.mark.parametrize("name", METHODS)
def test_the_value_is_the_loss_of_what_is_applied_and_the_penalties(name):
    parts = [random_part(i, classes=5, empty_column=True) for i in range(3)]
    sample = sample_of(*parts, (np.round(parts[0][0]), parts[0][1]))  # ties too
    fitted = replace(random_maps(name, 3), temperature=1 / 0.6)
    fit = problem(name, sample)
    e, k = fit.scales.shape[0], fit.scales.shape[1] - 1
    weights, biases = 0.6 * np.repeat(np.eye(k)[None], e, axis=0), np.zeros((e, k))
    weights[:-1], biases[:-1] = fitted.weights, fitted.biases
    none = replace(fit, cost=np.zeros_like(fit.cost), bias_cost=0.0)
    assert none.objective(weights, biases)[0] == pytest.approx(nll(sample, fitted.transform), rel=1e-12)
    departed = fit.form.decode(5) @ (weights - 0.6 * np.eye(k)) @ fit.form.encode(5)
    off = departed[:, ~np.eye(5, dtype=bool)]
    shifts = biases @ fit.form.decode(5).T
    diagonal = 1e-6 * (departed[:, np.eye(5, dtype=bool)] ** 2).mean()
    expected = 0.3 * (off**2).mean() + 0.2 * (shifts**2).mean() + diagonal
    assert fit.objective(weights, biases)[0] - none.objective(weights, biases)[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", METHODS)
def test_no_allowed_small_move_lowers_the_penalised_loss(name):
    sample = sample_of(random_part(5, classes=4, pixels=400))
    fit = problem(name, sample, 1 / Temperature().fit(sample).temperature, 1e-2, 1e-2)
    weights, biases = fit.solve()
    best, g = fit.objective(weights, biases)[0], np.random.default_rng(0)
    positive = fit.form.is_non_negative
    for size in np.repeat([0.1, 0.01, 0.001], 15):
        a, b = weights + g.normal(0, size, weights.shape), biases + g.normal(0, size, biases.shape)
        if positive:
            a, b = np.maximum(a, LEAST_DIAGONAL * np.eye(a.shape[1])), np.maximum(b, 0)
        else:
            b -= b.mean(axis=1, keepdims=True)
        assert fit.objective(a, b)[0] >= best - 1e-8
    if positive:
        assert weights.min() >= 0
        assert biases.min() >= 0
        assert np.diagonal(weights, axis1=1, axis2=2).min() >= LEAST_DIAGONAL


@pytest.mark.parametrize("name", METHODS)
@given(seed=st.integers(0, 999), spread=st.sampled_from([0.1, 3.0, 30.0]), pixels=st.sampled_from([3, 40, 300]))
@settings(max_examples=6, deadline=None)
def test_its_loss_on_its_own_sample_is_not_above_that_of_ts(name, seed, spread, pixels):
    sample = sample_of(random_part(seed, spread=spread, pixels=pixels))
    slope = 1 / Temperature().fit(sample).temperature
    assert nll(sample, calibrator(name).fit(sample).transform) <= nll(sample, lambda z: z * slope) + 1e-12


def draw_by_class(seed, pixels, scales):
    """Labels drawn with another factor for each predicted class."""
    g = np.random.default_rng(seed)
    z = g.normal(0, 3, (pixels, len(scales))).astype(np.float32)
    labels = (z * np.array(scales)[z.argmax(axis=1)][:, None] + g.gumbel(size=z.shape)).argmax(axis=1)
    return z, labels.astype(np.uint8)


@pytest.mark.parametrize("name", METHODS)
def test_the_maps_that_labels_were_drawn_with_are_found(name):
    scales = (0.4, 0.9, 0.6)
    fitted = calibrator(f"{name}(off_diagonal=1e-6,bias=1e-6)").fit(sample_of(draw_by_class(0, 60_000, scales)))
    assert fitted.predicted == (0, 1, 2)
    z = np.random.default_rng(1).normal(0, 3, (3, 500))
    expected = log_softmax(z * np.array(scales)[z.argmax(axis=0)], axis=0)
    difference = np.exp(log_softmax(fitted.transform(z), axis=0)) - np.exp(expected)
    # 20,000 pixels for each map of up to 12 numbers: probabilities are known to about 0.01
    assert np.sqrt((difference**2).mean()) < 0.01


@pytest.mark.parametrize("name", METHODS)
def test_strong_penalties_leave_a_factor_for_each_map_at_most(name):
    sample = sample_of(draw_by_class(0, 5000, (0.4, 0.9, 0.6)))
    fitted = calibrator(f"{name}(off_diagonal=1e6,bias=1e6)").fit(sample)
    for w, b in zip(fitted.weights, fitted.biases, strict=True):
        matrix = np.array(w)
        assert np.abs(matrix - np.diag(np.diag(matrix))).max() < 1e-4
        assert np.abs(b).max() < 1e-4


@pytest.mark.parametrize("name", METHODS)
def test_classes_that_are_never_predicted_or_never_the_label_keep_the_temperature(name):
    z, labels = random_part(4, pixels=3000)
    keep = (labels != 2) & (z.argmax(axis=1) != 1)
    sample = sample_of((z[keep], labels[keep]))
    fitted = calibrator(name).fit(sample)
    assert fitted.predicted == (0, 2, 3)
    slope = 1 / Temperature().fit(sample).temperature
    assert fitted.temperature == pytest.approx(1 / slope, rel=1e-12)
    never = np.array([[0.0, 9.0, 1.0, -3.0]]).T
    found = log_softmax(fitted.transform(never), axis=0)
    np.testing.assert_allclose(found, log_softmax(slope * never, axis=0), rtol=1e-12)
    if name != "cms_op":
        row = 2 if name == "cms" else 1  # of the map of class 0, which cms_ap gives no row of its own
        expected = slope * np.eye(len(fitted.biases[0]))[row]
        np.testing.assert_allclose(fitted.weights[0][row], expected, rtol=1e-12)
        assert fitted.biases[0][row] == 0
    assert max(np.abs(np.array(w)).max() for w in fitted.weights) < 10


@pytest.mark.parametrize("name", METHODS)
def test_separable_classes_and_extreme_logits_do_not_diverge(name):
    z = np.repeat(np.eye(3) * 8, 20, axis=0)
    fitted = calibrator(name).fit(sample_of((z, np.repeat(np.arange(3), 20))))
    assert max(np.abs(np.array(w)).max() for w in fitted.weights) <= 40
    z, labels = random_part(6)
    z[::3] = np.sign(z[::3]) * 1000
    fitted = calibrator(name).fit(sample_of((z, labels)))
    assert np.isfinite(fitted.transform(z.T.astype(np.float64))).all()


@pytest.mark.parametrize("name", METHODS)
def test_columns_without_a_model_class_change_nothing(name):
    with_other = calibrator(name).fit(sample_of(random_part(5, empty_column=True)))
    without = calibrator(name).fit(sample_of(random_part(5)))
    assert with_other.columns == 5
    assert with_other.live == without.live == (0, 1, 2, 3)
    np.testing.assert_allclose(with_other.weights, without.weights, rtol=1e-9)
    logits = np.random.default_rng(0).normal(0, 5, (4, 3, 4)).astype(np.float32)
    after = reference.full_logits(with_other(Prediction(logits, (7, 9))).view(), 5)
    assert (after[4] == -np.inf).all()
    assert np.isfinite(after[:4]).all()


@pytest.mark.parametrize("name", METHODS)
def test_two_fits_are_the_same_and_survive_json(name):
    sample = sample_of(random_part(7), random_part(8))
    fitted = calibrator(name).fit(sample)
    text = json.dumps(fitted.parameters())
    assert json.dumps(calibrator(name).fit(sample).parameters()) == text
    assert calibrator(name).restore(json.loads(text)) == fitted


@pytest.mark.parametrize("name", METHODS)
def test_what_cannot_be_fitted_is_refused(name):
    method = calibrator(name)
    with pytest.raises(CalibrationError, match="are void or unknown"):
        method.fit(CalibrationSample([]))
    with pytest.raises(CalibrationError, match="all equal"):
        method.fit(sample_of((np.zeros((4, 3)), [0, 1, 2, 0])))
    with pytest.raises(CalibrationError, match="fitted on 6 columns"):
        random_maps(name, 0)(Prediction(np.zeros((4, 2, 2), np.float32), (2, 2)))
    for value in ("0", "-1", "true", "nan", "many"):
        with pytest.raises(ConfigError, match=r"bias is .*; give a number above 0"):
            calibrator(f"{name}(bias={value})")

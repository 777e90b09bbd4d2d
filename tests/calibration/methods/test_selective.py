"""Selective scaling: errors that can be told are softened, and its own sample is never fitted worse than by nothing."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from helpers.calibration_samples import pixels_of, prediction_of, random_part, sample_of
from helpers.worlds import space
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from reliseg.calibration import CalibrationSample, calibrator
from reliseg.calibration.fitting.inverse_temperature import HIGHEST
from reliseg.calibration.methods.selective import SelectiveScaling, loss
from reliseg.errors import CalibrationError, ConfigError
from reliseg.kernels.cpu import transformed
from reliseg.labels import Projection
from reliseg.prediction import Prediction

SOFT = 8.0


def part(seed, pixels=3000):
    """Pixels that are right as often as they say, and a quarter of too sure ones, that all look like class 3.

    Logits (the last column is empty), labels, and the temperature that labels were drawn with.
    """
    g = np.random.default_rng(seed)
    too_sure = g.random(pixels) < 0.25
    z = g.normal(0, 4, (pixels, 4))
    z[:, 3] = np.where(too_sure, z.max(axis=1) + 4, -12)
    temperatures = np.where(too_sure, SOFT, 1.0)
    labels = (z / temperatures[:, None] + g.gumbel(size=z.shape)).argmax(axis=1)
    z = np.concatenate([z, np.full((pixels, 1), -np.inf)], axis=1)
    return z.astype(np.float32), labels.astype(np.uint8), temperatures


def temperatures_of(fitted, z):
    return np.where(fitted.find_wrong(z[:, list(fitted.live)].T.astype(np.float64)), fitted.wrong, fitted.right)


def nll(z, labels, temperatures):
    log_p = log_softmax(z.astype(np.float64) / np.reshape(temperatures, (-1, 1)), axis=1)
    return -log_p[np.arange(len(labels)), labels].mean()


def fit_loss(fitted, sample):
    pairs = [(nll(z, y, temperatures_of(fitted, z)), len(y)) for z, y in sample.parts]
    return sum(v * n for v, n in pairs) / len(sample)


@pytest.mark.slow
@pytest.mark.parametrize("scale_right", [False, True])
def test_too_sure_errors_are_found_and_softened(scale_right):
    fitted = SelectiveScaling(scale_right=scale_right).fit(sample_of(*(part([0, i])[:2] for i in range(4))))
    z, labels, true = part(99, 10_000)
    nothing, best = nll(z, labels, 1.0), nll(z, labels, true)
    assert nothing - best > 0.3
    assert nll(z, labels, temperatures_of(fitted, z)) <= best + (nothing - best) / 4
    called = temperatures_of(fitted, z) == fitted.wrong
    assert (called == (true == SOFT)).mean() > 0.85
    assert SOFT / 1.6 < fitted.wrong < SOFT * 1.6
    assert fitted.right == pytest.approx(1.0, abs=0.1 if scale_right else 0)
    assert fitted.called == pytest.approx(called.mean(), abs=0.03)
    wrong = z[:, :4].argmax(axis=1) != labels
    assert fitted.errors == pytest.approx(wrong[called].mean(), abs=0.05)
    assert not fitted.notes()


@given(
    seed=st.integers(0, 999),
    temperature=st.floats(0.2, 8),
    spread=st.sampled_from([0.3, 3.0, 20.0]),
    scale_right=st.booleans(),
    weight=st.sampled_from([0.3, 1.0, 2.0, 20.0]),
)
@settings(max_examples=10, deadline=None)
def test_its_own_sample_is_never_fitted_worse_than_by_nothing(seed, temperature, spread, scale_right, weight):
    sample = sample_of(random_part(seed, pixels=80, temperature=temperature, spread=spread))
    fitted = SelectiveScaling(scale_right=scale_right, weight=weight, units=4).fit(sample)
    nothing = sum(nll(z, y, 1.0) * len(y) for z, y in sample.parts) / len(sample)
    assert fit_loss(fitted, sample) <= nothing + 1e-9
    assert 1 <= fitted.wrong <= HIGHEST * (1 + 1e-12)
    assert scale_right or fitted.right == 1


def test_the_classifier_is_learnt_by_its_gradients():
    g = np.random.default_rng(0)
    hidden, last, x = g.normal(0, 1, (3, 6)), g.normal(0, 1, 4), g.normal(0, 1, (6, 40))
    wrong, cost = g.random(40) < 0.4, g.uniform(0.5, 2, 40) / 40
    value, gradient = loss(hidden, last, x, wrong, cost)
    output = last[:3] @ np.maximum(hidden @ x, 0) + last[3]
    by_hand = (cost * np.log1p(np.exp(np.where(wrong, -output, output)))).sum()
    assert value == pytest.approx(by_hand + 1e-6 * ((hidden**2).sum() + (last**2).sum()), rel=1e-12)
    steps = np.concatenate([hidden.ravel(), last])
    for i in range(len(steps)):
        values = []
        for sign in (1, -1):
            moved = steps.copy()
            moved[i] += sign * 1e-6
            values.append(loss(moved[:18].reshape(3, 6), moved[18:], x, wrong, cost)[0])
        assert gradient[i] == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-4, abs=1e-9)


def test_errors_that_weigh_more_are_called_more_often():
    sample = sample_of(*(random_part(i, pixels=2000, temperature=3.0, empty_column=True) for i in range(3)))
    called = [SelectiveScaling(weight=w).fit(sample).called for w in (0.25, 1.0, 4.0)]
    assert called[0] < called[1] < called[2]


@pytest.mark.parametrize("wrong", [{"live": (0, 1, 2)}, {"last": np.zeros(3)}, {"centre": np.zeros(5)}])
def test_a_classifier_that_does_not_fit_its_columns_is_refused(wrong):
    sample = sample_of(*(random_part(i, temperature=3.0, empty_column=True) for i in range(3)))
    with pytest.raises(ValueError, match="this is not a classifier"):
        replace(SelectiveScaling().fit(sample), **wrong)


@cache
def fit_to_image(groups):
    """An image of so joined columns, and a calibration fitted on its pixels: right where they are the first class."""
    logits = np.random.default_rng(5).normal(0, 5, (4, 6, 9)).astype(np.float32)
    before = Prediction(logits, (13, 22), projection=groups and Projection.of(space(4), space(3), groups))
    rows = np.concatenate([np.ascontiguousarray(pixels_of(before).T, np.float32)] * 20)
    live, top = np.unique(before.view().groups), rows.argmax(axis=1)
    labels = np.where(top == live[0], top, live[np.random.default_rng(0).integers(0, len(live), len(rows))])
    return before, SelectiveScaling(scale_right=True).fit(sample_of((rows, labels)))


@pytest.mark.parametrize("pixels", [1, 20, 1 << 17])
@pytest.mark.parametrize("groups", [None, (0, 1, 1, -1), (2, 0, -1, -1)])
def test_each_pixel_of_an_image_gets_its_temperature(groups, pixels, monkeypatch):
    monkeypatch.setattr(transformed, "_PIXELS", pixels)
    before, fitted = fit_to_image(groups)
    z, after = pixels_of(before), fitted(before)
    expected = 1 / temperatures_of(fitted, z.T).reshape(13, 22)
    assert len(np.unique(expected)) == 2
    np.testing.assert_allclose(after.pixel_factors, expected, rtol=1e-7)
    np.testing.assert_array_equal(pixels_of(after).argmax(axis=0), z.argmax(axis=0))


def test_the_same_seed_gives_the_same_bytes_and_numbers_survive_json():
    sample = sample_of(*(part([0, i], 500)[:2] for i in range(3)))
    first, again, other = (SelectiveScaling(seed=s).fit(sample).parameters() for s in (1, 1, 2))
    np.testing.assert_equal(first, again)
    assert first["hidden"].tobytes() == again["hidden"].tobytes() != other["hidden"].tobytes()
    text = json.dumps(first, default=np.ndarray.tolist)
    np.testing.assert_equal(SelectiveScaling().restore(json.loads(text)).parameters(), first)


def test_a_sample_without_errors_changes_nothing_and_says_so():
    z, _, _ = part(0)
    fitted = SelectiveScaling().fit(sample_of((z, z.argmax(axis=1))))
    assert (fitted.called, fitted.wrong, fitted.right) == (0, 1, 1)
    first, second = fitted.notes()
    assert first == "the classifier calls no pixel wrong, so all pixels have the same temperature"
    assert second == "every pixel stays as it is without calibration"


def test_errors_that_are_not_too_sure_are_left_and_it_says_so():
    """Logits a fifth of what they should be: no temperature above 1 helps."""
    z, labels = random_part(0, pixels=3000, temperature=0.2, spread=1.0, empty_column=True)
    fitted = SelectiveScaling().fit(sample_of((z, labels)))
    assert fitted.called > 0
    assert fitted.wrong == 1
    assert fitted.notes()[0] == "pixels that are called wrong are not overconfident, so their temperature stays 1"


def test_a_temperature_at_the_end_of_its_range_is_said():
    g = np.random.default_rng(0)
    z = np.concatenate([g.normal(0, 100, (500, 3)), np.full((500, 1), -np.inf)], axis=1)
    fitted = SelectiveScaling().fit(sample_of((z, g.integers(0, 3, 500))))
    assert any("at the end of its range, 20" in note for note in fitted.notes())


def test_what_it_cannot_learn_from_or_apply_to_is_refused():
    with pytest.raises(CalibrationError, match="selective: all pixels of the calibration split are void or unknown"):
        SelectiveScaling().fit(CalibrationSample([]))
    with pytest.raises(CalibrationError, match="all equal"):
        SelectiveScaling().fit(sample_of((np.ones((9, 3)), np.zeros(9))))
    z, labels, _ = part(0)
    fitted = SelectiveScaling().fit(sample_of((z, labels)))
    with pytest.raises(CalibrationError, match="fitted on 5 columns"):
        fitted(prediction_of(0, classes=6))
    joined = Projection.of(space(4), space(4), (0, 1, 2, 2))
    with pytest.raises(CalibrationError, match="other columns"):
        fitted(replace(prediction_of(0), projection=joined))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        *((f"selective(weight={v})", "weight is") for v in ("0", "-1", "nan", "true", "many")),
        *((f"selective(units={v})", "units is") for v in ("0", "1.5", "true")),
        *((f"selective(scale_right={v})", "scale_right is") for v in ("1", "maybe")),
        *((f"selective(seed={v})", "seed is") for v in ("-1", str(2**32))),
    ],
)
def test_bad_parameters_are_refused_before_anything_is_fitted(text, said):
    with pytest.raises(ConfigError, match="selective: ") as caught:
        calibrator(text)
    assert said in str(caught.value)

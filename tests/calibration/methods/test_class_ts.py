"""A temperature for each predicted class: found where it is known, and never worse than one for all."""

import json

import numpy as np
import pytest
from helpers.calibration_samples import ideal_part, pixels_of, prediction_of, random_part, sample_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from reliseg.calibration import CalibrationSample
from reliseg.calibration.methods.class_ts import ClassTemperature, ScaledByClass
from reliseg.calibration.methods.ts import Temperature
from reliseg.errors import CalibrationError
from reliseg.prediction import Prediction

KNOWN = np.array([0.4, 1.0, 2.5, 6.0])


def losses(sample, slopes):
    """The mean NLL; slopes by predicted class."""
    z, labels = (np.concatenate([part[i] for part in sample.parts]) for i in (0, 1))
    log_p = log_softmax(z.astype(np.float64) * slopes[z.argmax(axis=1)][:, None], axis=1)
    return -log_p[np.arange(len(labels)), labels].mean()


def test_the_temperature_of_each_class_is_found():
    fitted = ClassTemperature(shrinkage=0).fit(sample_of(ideal_part(0, lambda top: KNOWN[top])))
    np.testing.assert_allclose(fitted.temperatures, KNOWN, rtol=5e-3)  # shares are rounded to 1/2000


@given(
    seed=st.integers(0, 999), shrinkage=st.just(0.0) | st.floats(1e-3, 1e7), spread=st.sampled_from([0.2, 3.0, 20.0])
)
@settings(max_examples=25, deadline=None)
def test_it_is_never_worse_than_one_temperature_for_all(seed, shrinkage, spread):
    sample = sample_of(random_part(seed, pixels=60, spread=spread), random_part(seed + 1, pixels=40, temperature=0.3))
    one = losses(sample, np.full(4, 1 / Temperature().fit(sample).temperature))
    many = losses(sample, 1 / np.array(ClassTemperature(shrinkage).fit(sample).temperatures))
    assert many <= one + 1e-12
    assert one <= losses(sample, np.ones(4)) + 1e-12


def test_classes_of_different_temperatures_gain():
    sample = sample_of(ideal_part(1, lambda top: KNOWN[top], copies=200))
    one = losses(sample, np.full(4, 1 / Temperature().fit(sample).temperature))
    by_shrinkage = [losses(sample, 1 / np.array(ClassTemperature(s).fit(sample).temperatures)) for s in (0, 1e3, 1e5)]
    assert by_shrinkage == sorted(by_shrinkage)
    assert by_shrinkage[0] < one - 0.02
    assert by_shrinkage[2] < one


def test_classes_that_are_never_predicted_get_the_global_temperature():
    z, labels = random_part(2, pixels=400, empty_column=True)
    z[:, 1] = np.minimum(z[:, 1], z[:, 0] - 1)
    sample = sample_of((z, labels))
    everywhere = Temperature().fit(sample).temperature
    for shrinkage in (0, 1000):
        temperatures = ClassTemperature(shrinkage).fit(sample).temperatures
        assert len(temperatures) == 5
        assert temperatures[1] == temperatures[4] == pytest.approx(everywhere, rel=1e-12)
        assert temperatures[0] != pytest.approx(everywhere, rel=1e-6)


def test_a_rare_class_stays_at_the_global_temperature():
    z, labels = ideal_part(3, lambda top: KNOWN[top])
    rare = np.flatnonzero(z.argmax(axis=1) == 3)[5:]
    sample = sample_of((np.delete(z, rare, axis=0), np.delete(labels, rare)))
    everywhere = Temperature().fit(sample).temperature
    temperatures = np.array(ClassTemperature(1000).fit(sample).temperatures)
    alone = np.array(ClassTemperature(0).fit(sample).temperatures)
    wanted = 5 / 1005 / alone[3] + 1000 / 1005 / everywhere
    assert 1 / temperatures[3] == pytest.approx(wanted, rel=1e-9)
    np.testing.assert_allclose(temperatures[:3], KNOWN[:3], rtol=0.15)


@given(seed=st.integers(0, 999), temperatures=st.lists(st.floats(0.05, 20), min_size=5, max_size=5))
@settings(max_examples=30, deadline=None)
def test_each_pixel_is_divided_by_the_temperature_of_its_class_and_keeps_it(seed, temperatures):
    before = prediction_of(seed)
    after = ScaledByClass(tuple(temperatures))(before)
    z, scaled = pixels_of(before), pixels_of(after)
    top = z.argmax(axis=0)
    np.testing.assert_array_equal(scaled.argmax(axis=0), top)
    np.testing.assert_allclose(scaled, z / np.array(temperatures)[top], rtol=1e-15 * 4)
    assert ScaledByClass.keeps_argmax


def test_it_comes_back_from_json():
    method = ClassTemperature(10)
    fitted = method.fit(sample_of(random_part(0, empty_column=True)))
    text = json.dumps(fitted.parameters())
    restored = method.restore(json.loads(text))
    assert restored == fitted
    assert json.dumps(restored.parameters()) == text
    np.testing.assert_array_equal(pixels_of(restored(prediction_of(0))), pixels_of(fitted(prediction_of(0))))


def test_it_applies_to_predictions_with_as_many_columns_as_the_sample():
    fitted = ClassTemperature().fit(sample_of(random_part(0, classes=3, empty_column=True)))
    prediction = Prediction(np.zeros((3, 2, 2), np.float32), (4, 4))
    assert len(fitted(prediction).view().inverse_temperatures) == prediction.columns == 4


def test_nothing_to_fit_on_is_an_error():
    for sample in (CalibrationSample([]), sample_of((np.zeros((0, 3)), []))):
        with pytest.raises(CalibrationError, match=r"class_ts: .*are void or unknown"):
            ClassTemperature().fit(sample)
    with pytest.raises(CalibrationError, match=r"class_ts: .*all equal"):
        ClassTemperature().fit(sample_of((np.ones((4, 3)), [0, 1, 2, 0])))

"""What counts as a difference between a file and the predictor, and what rounding may decide."""

import numpy as np
import pytest
from helpers.exported import Net, model_of, noise, predictor_of

from reliseg.calibration.methods.histogram import Binned
from reliseg.calibration.methods.ts import Scaled
from reliseg.deploy.export.cases import Cases
from reliseg.deploy.export.comparison import TOLERANCE, Agreement, compare, without_calibration
from reliseg.deploy.export.wishes import Wishes


@pytest.fixture(scope="module")
def parts():
    predictor = predictor_of(model_of(Net()), Scaled(1.5))
    case = Cases(predictor, predictor.head(), Wishes()).of([noise(20, 30)])
    result = predictor.calibrate("image", case.predictions[0])
    maps = {"classes": result.classes, "confidence": result.confidence, "accepted": result.accepted}
    return predictor, result, without_calibration(case.predictions[0], result), maps


def changed(parts, name, change) -> Agreement:
    predictor, result, before, maps = parts
    return compare(predictor, result, before, maps | {name: change(maps[name].copy())})


def test_equal_maps_agree(parts):
    found = changed(parts, "classes", lambda classes: classes)
    assert (found.problem, found.largest, found.images, found.pixels) == (None, 0.0, 1, 600)
    assert found.facts()["tolerance"] == TOLERANCE


def test_each_pixel_that_is_decided_otherwise_is_counted(parts):
    clear = np.flatnonzero(parts[1].score("margin").ravel() > 0.1)[:3]

    def other(array):
        array.ravel()[clear] = array.ravel()[clear] ^ 1
        return array

    assert changed(parts, "classes", other).problem == "another class in 3 pixels, of 600"
    assert changed(parts, "accepted", other).problem == "another acceptance in 3 pixels, of 600"

    def less(array):
        array.ravel()[clear[:1]] -= 0.01
        return array

    assert changed(parts, "confidence", less).problem == "another confidence in 1 pixel, by up to 0.01, of 600"


def test_a_confidence_that_is_no_number_is_a_difference(parts):
    assert "another confidence in 600 pixels" in changed(parts, "confidence", lambda c: np.full_like(c, np.nan)).problem


def test_ties_and_pixels_at_the_threshold_may_be_decided_otherwise(parts):
    predictor, result, before, maps = parts
    near = (result.score("margin") < 2 * TOLERANCE) | (before.score("margin") < 2 * TOLERANCE)
    tied = compare(predictor, result, before, maps | {"classes": np.where(near, 9, maps["classes"])})
    assert tied.problem is None
    threshold = predictor.acceptance.confidence
    at = abs(maps["confidence"] - threshold) < TOLERANCE
    assert compare(predictor, result, before, maps | {"accepted": maps["accepted"] ^ at}).problem is None


def test_what_is_found_adds_up_and_the_largest_difference_stays():
    total = Agreement(1, 10, 0.25, 1, 2, 3, 4) + Agreement(2, 20, 0.5, 1, 1, 1, 1)
    assert total == Agreement(3, 30, 0.5, 2, 3, 4, 5)


def test_pixels_at_a_jump_of_a_calibration_may_be_on_either_side(parts):
    confidence = np.sort(parts[2].confidence.astype(np.float64).ravel())
    edge = float(confidence[300]) + 1e-7
    predictor = predictor_of(parts[0].model, Binned((0.0, edge, 1.0), (0.4, 0.9)))
    result = predictor.calibrate("image", parts[2].prediction)
    jumped = abs(parts[2].confidence - edge) < 1e-6
    other = np.where(jumped, 1.3 - result.confidence, result.confidence)
    maps = {"classes": result.classes, "confidence": other, "accepted": result.accepted}
    found = compare(predictor, result, parts[2], maps)
    assert jumped.any()
    assert (found.problem, found.confidences) == (None, 0)
    far = {**maps, "confidence": np.where(~jumped, 1.3 - result.confidence, result.confidence)}
    assert compare(predictor, result, parts[2], far).confidences > 0

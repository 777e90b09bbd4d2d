"""ECE and MCE against definitions in plain loops and torchmetrics."""

import math
import warnings

import numpy as np
import pytest
import torch
from helpers import textbook
from helpers.metric_values import UNITS, known_pixels, values_of
from helpers.worlds import WORLDS, of_pixels
from torchmetrics.classification import MulticlassCalibrationError

from reliseg.metrics.families.calibration_error import BinnedCalibrationError
from reliseg.metrics.families.class_reliability import ClassReliability
from reliseg.metrics.families.cumulative_error import CumulativeError

every_world = pytest.mark.parametrize("each", WORLDS.values(), ids=WORLDS)


@every_world
def test_ece_and_mce_are_their_definitions(each):
    msp, right, _, _ = known_pixels(each)
    values = values_of(BinnedCalibrationError(), each)
    assert values["ece", ""].value == pytest.approx(textbook.ece(msp, right), abs=UNITS)
    assert values["mce", ""].value == pytest.approx(textbook.mce(msp, right), abs=UNITS)
    assert values["mce_floor", ""].value == pytest.approx(textbook.mce(msp, right, 0.001), abs=UNITS)


def test_the_floor_of_mce_takes_bins_of_exactly_one_per_mille_and_no_smaller():
    """1000 pixels of msp near 0.98 that are right, and one or none of msp 0.6 that is wrong."""
    sure, unsure = math.log(0.98 / 0.02), math.log(0.6 / 0.4)
    for pixels, bins_counted in ((999, 2), (1000, 1)):
        gaps = [sure] * pixels + [unsure]
        values = values_of(BinnedCalibrationError(), of_pixels([gaps, [0.0] * len(gaps)], [0] * pixels + [1]))
        assert values["mce", ""].value == pytest.approx(0.6, abs=1e-6)
        assert values["mce_floor", ""].value == pytest.approx(0.6 if bins_counted == 2 else 0.02, abs=1e-6)


@pytest.mark.parametrize(("norm", "name"), [("l1", "ece"), ("max", "mce")])
@pytest.mark.parametrize("key", ["plain", "good", "poor", "two classes"])
def test_torchmetrics_agrees_away_from_edges(norm, name, key):
    each = WORLDS[key]
    p = torch.from_numpy(each.probabilities[:-1, each.known].T.copy())
    truth = torch.from_numpy(each.truth[each.known].astype(np.int64))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchmetrics' own deprecations
        theirs = MulticlassCalibrationError(each.classes, n_bins=15, norm=norm)(p, truth)
    # torchmetrics takes means in float32
    assert values_of(BinnedCalibrationError(), each)[name, ""].value == pytest.approx(float(theirs), abs=1e-6)


@pytest.mark.parametrize("gap", [20.0, 40.0, 100.0])
def test_confidences_of_exactly_one_are_in_the_last_bin(gap):
    """Half of them wrong: every calibration error of the top label is 1/2 (to the tail, exp(-gap))."""
    each = of_pixels([[gap] * 10, [0.0] * 10], [0, 1] * 5)
    values = values_of(BinnedCalibrationError(), each) | values_of(CumulativeError(), each)
    assert [values[n, ""].value for n in ("ece", "mce", "ada_ece", "ks")] == pytest.approx([0.5] * 4, abs=UNITS)
    classes = values_of(ClassReliability(), each)
    assert classes["confident_error99", "class-1"].value == 1
    assert classes["class_ece", "class-1"].value == pytest.approx(1, abs=UNITS)

"""Calibrated logits in NumPy are those of the predictor."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.heads import prediction_with
from scipy.special import softmax

import reliseg
from reliseg.calibration.fitting.clusters import Centres
from reliseg.calibration.methods.cluster_ts import ScaledByCluster
from reliseg.calibration.methods.histogram import Binned
from reliseg.calibration.methods.ts import Scaled
from reliseg.calibration.records.record import Record, write_record
from reliseg.errors import ConfigError
from reliseg.kernels.maps import pixel_maps

DIGEST = "0" * 64
RECORD = Record(
    method="ts",
    split="road/cal",
    label_space="mine",
    classes=("a", "b", "c", "d"),
    model="net",
    fingerprint=DIGEST,
    model_files=(DIGEST,),
    seed=0,
    pixels=9,
    samples={"road/cal": {"s/1": DIGEST}},
    images={"road/cal": {"s/1": DIGEST}},
    calibration=Scaled(2.0),
)
CLUSTERS = ScaledByCluster(Centres(np.eye(2, 5)), np.array([[1.0], [2.0]]), soft=False)


def test_they_are_the_logits_divided_by_the_temperature(tmp_path):
    logits = np.random.default_rng(0).normal(0, 3, (4, 5, 6)).astype(np.float32)
    for record in (RECORD, write_record(tmp_path, RECORD), str(write_record(tmp_path, RECORD))):
        np.testing.assert_allclose(reliseg.calibrate_logits(logits, record), logits / 2, rtol=1e-6)
    half = reliseg.calibrate_logits(logits.astype(np.float16), RECORD)
    np.testing.assert_allclose(half, logits.astype(np.float16) / 2, rtol=1e-6)


@pytest.mark.parametrize("calibration", [Scaled(2.0), Binned((0.0, 0.5, 1.0), (0.3, 0.8)), CLUSTERS])
@pytest.mark.parametrize("aligned", [False, True])
def test_their_softmax_is_the_confidence_that_is_counted(calibration, aligned):
    prediction = prediction_with(align_corners=aligned, size=(70, 26))
    z = reliseg.calibrate_logits(
        prediction.logits,
        replace(RECORD, calibration=calibration),
        size=prediction.size,
        align_corners=aligned,
        feature=prediction.feature,
    )
    maps = pixel_maps(calibration(prediction).view())
    np.testing.assert_allclose(softmax(z, axis=0).max(axis=0), maps.scores["msp"], atol=2e-6)
    np.testing.assert_array_equal(z.argmax(axis=0), maps.classes)


BAD = {
    "other classes": np.zeros((3, 2, 2), np.float32),
    "a batch": np.zeros((1, 4, 2, 2), np.float32),
    "whole numbers": np.zeros((4, 2, 2), np.int64),
    "nothing": np.zeros((4, 0, 2), np.float32),
}


@pytest.mark.parametrize("name", BAD)
def test_logits_of_another_form_are_one_line(name):
    with pytest.raises(ConfigError, match="ts@road/cal was fitted for 4 classes, and logits of") as raised:
        reliseg.calibrate_logits(BAD[name], RECORD)
    assert "\n" not in str(raised.value)


class LooksAtImages(Scaled):
    needs_image = True


def test_infinite_logits_are_said():
    with pytest.raises(ConfigError, match="logits are wrong: NaN or infinite logits"):
        reliseg.calibrate_logits(np.full((4, 2, 2), np.nan, np.float32), RECORD)


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (
            replace(RECORD, method="cluster_ts", calibration=CLUSTERS),
            "cluster_ts@road/cal needs the feature of the image, as in its fit; give feature=",
        ),
        (
            replace(RECORD, method="lts", calibration=LooksAtImages(2.0)),
            "lts@road/cal needs the image itself; give image=, 8-bit RGB",
        ),
    ],
)
def test_what_a_method_needs_beside_logits_is_named_as_an_argument(record, line):
    with pytest.raises(ConfigError) as raised:
        reliseg.calibrate_logits(np.zeros((4, 2, 2), np.float32), record)
    assert str(raised.value) == line


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        (np.zeros((2, 2), np.uint8), "the image is grey, of 2 x 2; give it three channels"),
        (np.zeros((2, 2, 3), np.uint16), "the image holds 16-bit numbers, of 2 x 2 x 3; give 8-bit RGB"),
        (np.zeros((2, 2, 3)), "the image holds float64 numbers, of 2 x 2 x 3; give 8-bit RGB"),
    ],
)
def test_an_image_that_is_no_8_bit_rgb_is_refused(image, problem):
    with pytest.raises(ConfigError, match=problem):
        reliseg.calibrate_logits(np.zeros((4, 2, 2), np.float32), RECORD, image=image)


def test_logits_of_one_row_are_calibrated():
    logits = np.random.default_rng(0).normal(0, 3, (4, 1, 6)).astype(np.float32)
    np.testing.assert_allclose(reliseg.calibrate_logits(logits, RECORD), logits / 2, rtol=1e-6)
    assert reliseg.calibrate_logits(logits, RECORD, size=(1, 24)).shape == (4, 1, 24)

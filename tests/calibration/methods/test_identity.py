"""No calibration: the prediction itself."""

import numpy as np
from helpers.calibration_samples import pixels_of, prediction_of, sample_of

from reliseg.calibration import CALIBRATORS, CalibrationSample, Unchanged, calibrator
from reliseg.calibration.methods.ts import Scaled


def test_identity_changes_nothing():
    before = prediction_of(0)
    assert Unchanged()(before) is before
    assert Unchanged().parameters() == {}
    assert not CALIBRATORS.get("identity").fits
    np.testing.assert_array_equal(pixels_of(Scaled(1.0)(before)), pixels_of(before))


def test_it_needs_no_sample():
    for sample in (CalibrationSample([]), sample_of((np.ones((4, 3)), [0, 1, 2, 0]))):
        assert calibrator("identity").fit(sample) == Unchanged()
    assert calibrator("identity").restore({}) == Unchanged()

"""The corruption `shot_noise`."""

import numpy as np
import pytest
from helpers.corruption_images import flat

from reliseg.corruptions import Corrupted


def test_a_byte_is_a_number_of_photons():
    out = Corrupted("shot_noise", 5)(flat(300, 300, 128), "a/b")
    assert np.unique(out).tolist() == [0, 85, 170, 255]
    assert (out == 0).mean() == pytest.approx(np.exp(-3 * 128 / 255), abs=0.01)


def test_black_has_no_photons():
    assert not Corrupted("shot_noise", 5)(flat(30, 30, 0), "a/b").any()

"""The corruption `brightness`."""

import colorsys

import numpy as np
import pytest

from reliseg.corruptions import Corrupted


@pytest.mark.parametrize("severity", [1, 3, 5])
def test_only_the_value_of_hsv_grows(severity):
    image = np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8)
    image[0, 0] = 0
    out = Corrupted("brightness", severity)(image, "a/b")
    for before, after in zip(image.reshape(-1, 3), out.reshape(-1, 3), strict=True):
        h, s, v = colorsys.rgb_to_hsv(*(before / 255))
        expected = np.array(colorsys.hsv_to_rgb(h, s, min(v + severity / 10, 1))) * 255
        assert abs(after - expected).max() < 1.001

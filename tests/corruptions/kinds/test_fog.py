"""The corruption `fog`."""

import numpy as np
from helpers.corruption_images import flat, picture

from reliseg.corruptions import Corrupted


def test_fog_covers_and_dims_and_never_exceeds_the_brightest_byte():
    image = (picture(100, 140) // 2).astype(np.uint8)
    out = Corrupted("fog", 5)(image, "a/b")
    assert out.max() <= image.max()
    assert np.corrcoef(out[..., 0].ravel(), image[..., 0].ravel())[0, 1] < 0.7


def test_clouds_are_finer_at_higher_severities():
    rough = [abs(np.diff(Corrupted("fog", s)(flat(256, 256, 120), "a/b")[..., 0].astype(float))).mean() for s in (1, 5)]
    assert rough[1] > 2 * rough[0]

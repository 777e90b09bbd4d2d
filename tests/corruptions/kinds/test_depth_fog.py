"""The corruption `depth_fog`."""

import numpy as np
import pytest
from helpers.corruption_images import metres, picture

from reliseg.corruptions import Corrupted
from reliseg.errors import ConfigError

IMAGE = (picture(60, 80) // 2).astype(np.uint8)


@pytest.mark.parametrize(("severity", "visibility"), list(enumerate([600, 300, 150, 100, 50], start=1)))
def test_contrast_falls_to_a_twentieth_in_the_meteorological_visibility(severity, visibility):
    far = np.full(IMAGE.shape[:2], visibility, np.float32)
    red = Corrupted("depth_fog", severity)(IMAGE, "a/b", far)[..., 0].astype(float)
    assert np.ptp(red) / np.ptp(IMAGE[..., 0]) == pytest.approx(0.05, abs=0.01)


def test_what_is_farther_is_paler():
    out = Corrupted("depth_fog", 3)(IMAGE, "a/b", metres(IMAGE)).astype(int)
    changed = abs(out - IMAGE).mean(axis=2)
    assert changed[11:20].mean() > 1.8 * changed[-10:].mean()


def test_nothing_is_drawn():
    far = metres(IMAGE)
    first = Corrupted("depth_fog", 3)(IMAGE, "a/b", far)
    assert np.array_equal(Corrupted("depth_fog", 3, 9)(IMAGE, "c/d", far), first)


@pytest.mark.parametrize("far", [None, np.zeros((3, 3), np.float32)])
def test_without_the_depth_of_the_image_it_is_refused(far):
    with pytest.raises(ConfigError, match=r"depth_fog needs to know how far everything is.*\[depth\]"):
        Corrupted("depth_fog", 3)(IMAGE, "a/b", far)

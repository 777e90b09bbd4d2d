"""The corruption `elastic_transform`."""

import numpy as np
import pytest

from reliseg.corruptions import Corrupted


@pytest.mark.parametrize("size", [(256, 256), (1100, 1600)])
def test_a_picture_bends_by_pixels_in_any_resolution_and_stays_smooth(size):
    h, w = size
    y, x = np.mgrid[:h, :w]
    ramp = np.stack([y * 255 / h, x * 255 / w, 0 * x], 2).astype(np.uint8)
    out = Corrupted("elastic_transform", 3)(ramp, "a/b").astype(float)
    moved = (out[..., 0] - ramp[..., 0])[h // 8 : -h // 8] * h / 255
    assert 0.2 < moved.std() < 12
    assert abs(np.diff(out[..., 0], axis=0)).max() <= 8

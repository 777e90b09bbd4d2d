"""The corruption `zoom_blur`."""

import numpy as np
import pytest
from helpers.corruption_images import flat

from reliseg.corruptions import Corrupted
from reliseg.corruptions.kinds.zoom_blur import _lines

RANGES = [(1, 1.11, 0.01), (2, 1.16, 0.01), (3, 1.21, 0.02), (4, 1.26, 0.02), (5, 1.31, 0.03)]


@pytest.mark.parametrize(("severity", "stop", "step"), RANGES)
def test_magnifications_are_those_of_the_published_range(severity, stop, step):
    assert len(_lines(64, severity).first) == len(np.arange(1, stop, step))


def test_the_middle_is_sharper_than_the_edge():
    image = flat(128, 128, 0)
    image[:, ::8] = 255
    out = Corrupted("zoom_blur", 5)(image, "a/b").astype(float)
    assert out[60:68, 60:68].std() > 3 * out[60:68, :8].std()

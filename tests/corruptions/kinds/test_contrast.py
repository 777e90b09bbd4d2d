"""The corruption `contrast`."""

import numpy as np
import pytest
from helpers.corruption_images import picture

from reliseg.corruptions import Corrupted


@pytest.mark.parametrize(("severity", "kept"), [(1, 0.4), (2, 0.3), (3, 0.2), (4, 0.1), (5, 0.05)])
def test_each_channel_moves_to_its_mean(severity, kept):
    image = picture(40, 50)
    mean = image.mean((0, 1))
    expected = np.floor((image - mean) * kept + mean + 1e-9)
    assert np.array_equal(Corrupted("contrast", severity)(image, "a/b"), expected)

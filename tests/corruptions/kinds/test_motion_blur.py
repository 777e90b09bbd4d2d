"""The corruption `motion_blur`."""

import numpy as np
from helpers.corruption_images import flat

from reliseg.corruptions import Corrupted


def test_a_dot_becomes_a_line_in_a_direction_of_at_most_45_degrees():
    image = flat(121, 121, 0)
    image[58:63, 58:63] = 255
    for number in range(8):
        y, x = np.nonzero(Corrupted("motion_blur", 4)(image, f"a/{number}")[..., 0])
        assert np.ptp(x) >= np.ptp(y) - 2
        assert np.ptp(x) > 15


def test_one_color_stays_one_color():
    assert (Corrupted("motion_blur", 5)(flat(40, 40, 90), "a/b") == 90).all()

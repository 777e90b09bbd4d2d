"""The corruption `glass_blur`."""

import numpy as np
from helpers.corruption_images import flat, picture

from reliseg.corruptions import Corrupted


def test_one_color_stays_one_color():
    assert (Corrupted("glass_blur", 5)(flat(40, 40, 90), "a/b") == 90).all()


def test_pixels_move_no_further_than_reach_and_blur():
    image = flat(80, 80, 0)
    image[:, 40:] = 255
    out = Corrupted("glass_blur", 1)(image, "a/b")
    assert not out[:, : 40 - 2 - 2 * 3].any()
    assert len(np.unique(out[20:60, 38:42])) > 10


def test_all_severities_shuffle_alike():
    image = picture(60, 60)
    assert not np.array_equal(Corrupted("glass_blur", 2)(image, "a"), Corrupted("glass_blur", 2)(image, "b"))

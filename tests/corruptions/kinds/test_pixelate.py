"""The corruption `pixelate`."""

import numpy as np
from helpers.corruption_images import picture

from reliseg.corruptions import Corrupted


def test_at_a_quarter_of_its_size_blocks_of_four_pixels_are_their_mean():
    image = picture(40, 60)
    out = Corrupted("pixelate", 5)(image, "a/b")
    means = image.reshape(10, 4, 15, 4, 3).mean((1, 3))
    assert (out == out[::4, ::4].repeat(4, 0).repeat(4, 1)).all()
    assert abs(out[::4, ::4] - means).max() <= 1


def test_a_single_pixel_stays():
    image = np.array([[[1, 2, 3]]], np.uint8)
    assert np.array_equal(Corrupted("pixelate", 5)(image, "a/b"), image)

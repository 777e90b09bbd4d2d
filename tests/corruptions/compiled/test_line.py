"""A blur along a line."""

import numpy as np
from helpers.corruption_images import picture

from reliseg.corruptions.compiled.borders import padded
from reliseg.corruptions.compiled.line import Line, along
from reliseg.corruptions.weights import DOWN, half_line, repeated


def test_one_tap_moves_the_image():
    image, line = picture(20, 25), Line(np.array([(2, -3)]), np.array([(1 << 15) - 1], np.int32), DOWN)
    out = along(padded(image, repeated(20, 3), repeated(25, 3)), 3, line, 20, 75, 3).reshape(image.shape)
    moved = image[np.clip(np.arange(20) - 2, 0, 19)][:, np.clip(np.arange(25) + 3, 0, 24)]
    assert abs(out.astype(int) - moved).max() <= 1


def test_an_even_image_stays_even():
    grey = np.full((20, 25, 3), 77, np.uint8)
    out = along(padded(grey, repeated(20, 21), repeated(25, 21)), 21, half_line(10, 3, 17, DOWN), 20, 75, 3)
    assert (out == 77).all()

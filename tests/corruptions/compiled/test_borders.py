"""Margins."""

import numpy as np
from helpers.corruption_images import picture

from reliseg.corruptions.compiled.borders import padded
from reliseg.corruptions.weights import reflected, repeated


def test_margins_are_those_of_numpy():
    image = picture(5, 7)
    for places, mode in ((reflected, "reflect"), (repeated, "edge")):
        out = padded(image, places(5, 9), places(7, 9)).reshape(5 + 18, 7 + 18, 3)
        assert np.array_equal(out, np.pad(image, ((9, 9), (9, 9), (0, 0)), mode))

"""Streaks of rain."""

import numpy as np
from helpers.corruption_images import picture

from reliseg.corruptions.compiled.rain import Shower, rained, streaks
from reliseg.corruptions.draws import key_of

KEY = key_of(0, "a", "b")


def test_more_drops_wet_more_pixels():
    few, many = ((streaks(200, 300, Shower(n, 20, 200, 120), KEY) > 0).mean() for n in (50, 500))
    assert 0 < few < many < 1


def test_streaks_fall_along_their_slant():
    layer = streaks(400, 400, Shower(400, 64, 400, 200), KEY).astype(float)
    along = (layer[4:, 1:] * layer[:-4, :-1]).sum()  # one column in four rows
    against = (layer[4:, :-1] * layer[:-4, 1:]).sum()
    assert along > 2 * against


def test_rain_moves_pixels_towards_the_light():
    image, layer = picture(10, 10), np.zeros((10, 10), np.uint8)
    layer[3], layer[4] = 255, 128
    air = np.tile(np.arange(256, dtype=np.uint8) // 2, (3, 1))
    out = rained(image, layer, air, np.array([200, 210, 220]))
    assert np.array_equal(out[0], image[0] // 2)
    assert (out[3] == (200, 210, 220)).all()
    assert abs(out[4] - (image[4] // 2 + np.array([200, 210, 220])) / 2).max() <= 1.5

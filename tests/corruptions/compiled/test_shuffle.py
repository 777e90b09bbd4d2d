"""Pixels that change their places."""

import numpy as np
from helpers.corruption_images import picture

from reliseg.corruptions.compiled.shuffle import shuffle
from reliseg.corruptions.draws import key_of


def test_every_pixel_is_a_near_one_of_the_image():
    y, x = np.mgrid[:60, :70]
    image = np.stack([y, x, 0 * y], 2).astype(np.uint8)
    out = shuffle(image, 3, 1, key_of(0, "a", "b")).astype(int)
    moved_y, moved_x = out[..., 0] - y, out[..., 1] - x
    assert moved_y.max() <= 2 * 60
    assert (abs(moved_y) <= 60).all()
    assert (moved_x[:3] == 0).all()
    assert (moved_y[4:57, 4:67] != 0).mean() > 0.5


def test_a_margin_of_the_reach_stays_as_it_is():
    image = picture(30, 30)
    out = shuffle(image, 4, 2, key_of(0, "a", "b"))
    assert np.array_equal(out[:5], image[:5])
    assert np.array_equal(out[:, 27:], image[:, 27:])

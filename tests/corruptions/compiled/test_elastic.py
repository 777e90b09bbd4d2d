"""Bent images."""

import numpy as np
from helpers.corruption_images import difference, picture
from scipy import ndimage

from reliseg.corruptions.compiled.elastic import Smoothing, field, warp
from reliseg.corruptions.draws import key_of
from reliseg.corruptions.weights import float_gaussian

KEY = key_of(0, "a", "b")


def test_a_field_of_pixels_is_uniform_noise_under_a_mirrored_gaussian():
    one, bell = np.ones(1, np.float32), float_gaussian(2.0, 6)
    raw = field(60, 70, Smoothing(1, 1, one, one, np.float32(3)), KEY, 0)
    assert abs(raw).max() <= 3
    assert abs(raw.std() - 3**0.5) < 0.05
    expected = ndimage.gaussian_filter(raw.astype(float), 2.0, mode="reflect", radius=6)
    assert np.allclose(field(60, 70, Smoothing(1, 1, bell, bell, np.float32(3)), KEY, 0), expected, atol=1e-5)


def test_both_streams_differ():
    one = np.ones(1, np.float32)
    spec = Smoothing(1, 1, one, one, np.float32(3))
    assert (field(20, 20, spec, KEY, 0) != field(20, 20, spec, KEY, 1)).mean() > 0.9


def test_pixels_are_taken_from_where_the_field_points():
    image = picture(40, 50)
    dy = np.random.default_rng(0).normal(size=(40, 50)).astype(np.float32) * 4
    dx = dy[::-1].copy()
    y, x = np.mgrid[:40, :50]
    channels = image.transpose(2, 0, 1).astype(float)
    bent = [ndimage.map_coordinates(channel, (y + dy, x + dx), order=1, mode="reflect") for channel in channels]
    expected = np.stack(bent, 2)
    out = warp(image, dy, dx, 1, 1)
    assert difference(out, np.floor(expected + 1e-3).astype(np.uint8))[0] <= 1


def test_a_field_on_cells_of_several_pixels_is_even_between_them():
    image = picture(40, 60)
    still = np.zeros((20, 20), np.float32)
    assert np.array_equal(warp(image, still, still, 2, 3), image)
    moved = warp(image, still, still + 2, 2, 3)
    assert np.array_equal(moved[:, :-3], image[:, 2:-1])

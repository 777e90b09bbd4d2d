"""Clouds."""

import numpy as np
from helpers.corruption_images import picture

from reliseg.corruptions.compiled.plasma import Level, fogged, plasma
from reliseg.corruptions.draws import key_of

KEY = key_of(0, "a", "b")
AMPLITUDES = np.array([40000, 20000, 10000, 5000, 2500], np.int64)


def test_a_level_keeps_the_points_before_it_and_adds_means_of_neighbours():
    coarse = plasma(AMPLITUDES[:4], KEY).astype(np.int64)
    fine = plasma(np.array([*AMPLITUDES[:4], 0], np.int64), KEY).astype(np.int64)
    assert np.array_equal(fine[::2, ::2], coarse)
    right, below = np.roll(coarse, -1, 1), np.roll(coarse, -1, 0)
    centres = (coarse + right + below + np.roll(right, -1, 0)) / 4
    assert abs(fine[1::2, 1::2] - centres).max() <= 4
    edges = (coarse + right + centres + np.roll(centres, 1, 0)) / 4
    assert abs(fine[::2, 1::2] - edges).max() <= 8
    sides = (coarse + below + centres + np.roll(centres, 1, 1)) / 4
    assert abs(fine[1::2, ::2] - sides).max() <= 8


def test_noise_is_even_up_to_the_amplitude():
    amplitude = 4 * 8192
    noisy = plasma(np.array([0] * 7 + [amplitude], np.int64), KEY) / 8192
    added = noisy[1::2, 1::2]
    assert abs(added).max() <= 8192
    assert abs(added.std() / 8192 - 3**-0.5) < 0.02


def test_fog_is_the_whole_cloud_stretched_and_scaled_back():
    image = picture(30, 27)
    cloud = plasma(AMPLITUDES, KEY).astype(float)
    expected = (cloud - cloud.min()) / (cloud.max() - cloud.min())
    most, strength = image.max() / 255, 2.5
    x = (image / 255 + strength * expected[:30, :27, None]) * most / (most + strength) * 255
    out = fogged(image, plasma(AMPLITUDES[:4], KEY), Level(4, 2500), KEY, np.float32(2.5))
    assert abs(out - x).max() < 1.01


def test_black_stays_black():
    out = fogged(np.zeros((3, 3, 3), np.uint8), plasma(AMPLITUDES[:1], KEY), Level(1, 20000), KEY, np.float32(2))
    assert not out.any()

"""Air that scatters light."""

import numpy as np
import pytest
from helpers.corruption_images import picture

from reliseg.corruptions.compiled.depth.haze import airlight, dark_channel, decays, hazed


def test_what_is_left_of_light_is_the_exponential_and_nothing_of_what_is_endlessly_far():
    x = np.linspace(0, 87, 50_001).astype(np.float32)
    assert decays(x) == pytest.approx(np.exp(-x.astype(np.float64)), rel=3e-7, abs=0)
    assert decays(np.zeros(1, np.float32))[0] == 1
    assert 0 <= decays(np.array([88, 1e30, np.inf], np.float32)).max() < 1e-37


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (33, 29)])
def test_the_dark_channel_is_the_smallest_byte_near_by(size):
    image = picture(*size)
    smallest = np.pad(image.min(axis=2), 7, constant_values=255)
    windows = np.lib.stride_tricks.sliding_window_view(smallest, (15, 15))
    assert np.array_equal(dark_channel(image), windows.min(axis=(2, 3)))


@pytest.mark.parametrize("size", [(1, 1), (40, 50), (61, 83)])
def test_the_air_has_the_colour_of_the_median_of_the_haziest_thousandth(size):
    image = picture(*size)
    dark = dark_channel(image).ravel()
    count = dark.size // 1000
    count += (count + 1) % 2
    haziest = np.sort(np.argsort(-dark.astype(int), kind="stable")[:count])
    colours = image.reshape(-1, 3)[haziest].astype(int)
    greys = colours @ [299, 587, 114]
    expected = colours[greys == np.sort(greys)[count // 2]][0]
    assert airlight(image, dark_channel(image)).tolist() == expected.tolist()


def test_near_things_stay_and_endlessly_far_ones_have_the_colour_of_the_air():
    image, air = picture(20, 30), np.array([200, 210, 220], np.uint8)
    metres = np.zeros((20, 30), np.float32)
    metres[10:] = np.inf
    out = hazed(image, metres, np.float32(0.02), air)
    assert np.array_equal(out[:10], image[:10])
    assert (out[10:] == air).all()


def test_between_them_the_optical_model_holds_to_half_a_level():
    image, air = picture(20, 30), np.array([200, 210, 220], np.uint8)
    metres = np.linspace(1, 400, 600, dtype=np.float32).reshape(20, 30)
    kept = np.exp(-0.02 * metres.astype(np.float64))[..., None]
    expected = image * kept + air * (1 - kept)
    assert abs(hazed(image, metres, np.float32(0.02), air) - expected).max() <= 0.501

"""Flakes and an image under them."""

import numpy as np
from helpers.corruption_images import difference, picture

from reliseg.corruptions.compiled.flakes import Axis, Flakes, flakes, snowed
from reliseg.corruptions.draws import key_of
from reliseg.corruptions.weights import middle


def layer(least):
    ramp = np.linspace(-2, 2, 65536).astype(np.float32)
    spec = Flakes(ramp, np.float32(0.5), np.float32(0.25), np.float32(least))
    return flakes(spec, Axis(*middle(40, 1.0)), Axis(*middle(50, 1.0)), 5, key_of(0, "a", "b"))


def test_without_magnification_numbers_are_those_that_were_drawn():
    inner = layer(0)[5:45, 5:55] / 255
    assert abs(inner.mean() - 0.5) < 0.02
    assert abs(inner.std() - 1 / 12**0.5) < 0.02


def test_what_is_below_the_least_is_no_flake_and_margins_repeat_the_edge():
    some = layer(0.8)
    assert set(np.unique(some)) <= {0, *range(204, 256)}
    assert abs((some > 0).mean() - 0.2) < 0.05
    assert (some[:5] == some[5]).all()
    assert (some[:, 55:] == some[:, 54:55]).all()


def test_snow_whitens_and_lies_twice():
    image, snow = picture(12, 14), np.zeros((12, 14), np.uint8)
    snow[2, 3] = 90
    x = image / 255
    grey = x @ np.array([0.299, 0.587, 0.114])
    both = (snow + snow[::-1, ::-1]) / 255
    expected = 0.7 * x + 0.3 * np.maximum(x, (grey * 1.5 + 0.5)[..., None]) + both[..., None]
    out = snowed(image, snow, np.float32(0.7))
    assert difference(out, (expected.clip(0, 1) * 255).astype(np.uint8))[0] <= 1

"""Noise that tiles, and materials that vary a colour without leaving it."""

import numpy as np
import pytest

from reliseg.demo.world.textures import LIT, PLAIN, TILE, Spots, noise_tile, sample_noise


@pytest.mark.parametrize("slope", [0.0, 1.0, 1.8])
def test_noise_has_mean_0_and_deviation_1(slope):
    tile = noise_tile(slope)
    assert tile.shape == (TILE, TILE)
    assert abs(tile.mean()) < 1e-4
    assert tile.std() == pytest.approx(1, abs=1e-4)


def test_noise_goes_on_over_the_edge_of_its_tile():
    tile = noise_tile(1.8)
    inside = np.abs(np.diff(tile, axis=1)).mean()
    assert np.abs(tile[:, 0] - tile[:, -1]).mean() < 1.3 * inside
    assert np.abs(tile[0] - tile[-1]).mean() < 1.3 * inside


def test_a_steeper_slope_is_smoother():
    steps = [np.abs(np.diff(noise_tile(slope), axis=0)).mean() for slope in (0.0, 0.8, 1.6)]
    assert steps[0] > 1.3 * steps[1]
    assert steps[1] > 1.3 * steps[2]


def test_samples_repeat_with_the_tile():
    a, b = np.float32([0.0, 1.3, -7.0]), np.float32([0.0, 250.0, 3.0])
    np.testing.assert_array_equal(sample_noise(1.2, a, b, 4.0), sample_noise(1.2, a + TILE / 4, b - TILE / 4, 4.0))
    assert sample_noise(1.2, a[:1], b[:1], 4.0) == noise_tile(1.2)[0, 0]


def spots(count: int = 4000) -> Spots:
    """Pixels of a grey surface, anywhere from 2 to 40 m ahead and up to 6 m high."""
    rng = np.random.default_rng(0)
    right, ahead, up = (rng.uniform(*span, count).astype(np.float32) for span in ((-9, 9), (2, 40), (0, 6)))
    look = np.tile(np.float32([2.0, 3.0, 3.5, 7.0, 0.5, 0.0]), (count, 1))
    colour = np.full((count, 3), 0.5, np.float32)
    return Spots(colour, right, right, up, ahead, look, np.ones(count, np.float32), 400.0)


@pytest.mark.parametrize("material", sorted({*PLAIN, *LIT}))
def test_a_material_varies_the_colour_about_itself(material):
    surface = spots()
    (PLAIN | LIT)[material](surface)
    assert np.isfinite(surface.colour).all()
    assert surface.colour.min() > 0
    assert surface.colour.std() > 0.005
    assert surface.colour.mean() == pytest.approx(0.5, abs=0.16)


def test_what_shines_from_a_facade_is_glass():
    surface = spots()
    light = LIT[next(iter(LIT))](surface)
    assert light.min() >= 0
    assert light.max() <= 1
    assert 0.02 < (light > 0.5).mean() < 0.5


def test_spots_are_scaled_in_place():
    surface = spots(2)
    surface.scale(np.float32([2.0, 0.5]))
    np.testing.assert_array_equal(surface.colour, [[1.0] * 3, [0.25] * 3])

"""What each weather does to a view, and what the camera adds."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.street_world import GREY_SKY, OVERCAST, empty_canvas, straight_layout

from reliseg.demo.world.canvas import ROAD, SKY
from reliseg.demo.world.furniture import lamp, pole_paint
from reliseg.demo.world.shading import View, view
from reliseg.demo.world.street import draw_ground
from reliseg.demo.world.weather import WEATHER, add_haze, photograph


@pytest.fixture(scope="module")
def street() -> View:
    """A street with two lamps under a grey sky, seen with all that any weather needs."""
    canvas = empty_canvas(OVERCAST)
    rng = np.random.default_rng(0)
    draw_ground(canvas.camera, rng, canvas, straight_layout())
    for s in (-4.0, 4.0):
        lamp(canvas, canvas.camera, s, 25.0, 5.0, pole_paint(rng))
    return view(canvas.raster(), GREY_SKY, night=True, snow=True)


def under(name: str, street: View, seed: int = 0) -> np.ndarray:
    return WEATHER[name](street, np.random.default_rng(seed))


def luma(image: np.ndarray) -> np.ndarray:
    return image.mean(axis=2)


@pytest.mark.parametrize("name", WEATHER)
def test_equal_seeds_give_equal_weather_of_the_views_size(street, name):
    image = under(name, street)
    assert image.shape == street.day.shape
    assert np.isfinite(image).all()
    np.testing.assert_array_equal(image, under(name, street))
    assert (image != under(name, street, seed=1)).any()


@pytest.mark.parametrize("name", WEATHER)
def test_no_weather_changes_the_view_itself(street, name):
    before = street.day.copy()
    under(name, street)
    np.testing.assert_array_equal(street.day, before)


def test_haze_is_nothing_near_and_all_far():
    image = np.full((1, 3, 3), 0.2, np.float32)
    hazy = add_haze(image, np.float32([[0.0, 10.0, np.inf]]), 0.1, (0.8, 0.8, 0.8))
    np.testing.assert_allclose(hazy[0, :, 0], [0.2, 0.8 - 0.6 * np.exp(-1), 0.8], rtol=1e-5)


def test_fog_takes_contrast_and_more_of_it_far_away(street):
    brighter = replace(street, day=street.day + np.float32(0.2))
    contrast = luma(under("fog", brighter)) - luma(under("fog", street))
    assert contrast[street.depth < 8].min() > 0.1
    assert contrast[(street.depth > 60) & (street.truth != SKY)].max() < 0.7 * contrast[street.depth < 8].min()
    np.testing.assert_allclose(contrast[street.truth == SKY], 0, atol=1e-6)
    assert 0.65 < luma(under("fog", street))[street.truth == SKY].mean() < 0.84


def test_night_is_dark_but_for_its_lights(street):
    dark = luma(under("night", street))
    assert dark.mean() < 0.6 * luma(under("clear", street)).mean()
    assert dark[street.glow.any(axis=2)].max() > 1


def test_night_has_pools_of_light_below_the_lamps(street):
    without = replace(street, glow=np.zeros_like(street.glow), lamps=[])
    brighter = luma(under("night", street)) - luma(under("night", without))
    near = (street.depth > 22) & (street.depth < 28) & (street.truth == ROAD)
    far = (street.depth > 90) & (street.truth == ROAD)
    assert brighter[near].mean() > 2 * brighter[far].mean() > 0


def test_snow_lies_on_the_ground(street):
    ground = np.isin(street.truth, (0, 1))
    assert luma(under("snow", street))[ground].mean() > 1.3 * luma(under("clear", street))[ground].mean()


def test_rain_darkens_the_road(street):
    road = (street.truth == ROAD) & (street.depth < 20)
    assert luma(under("rain", street))[road].mean() < luma(under("clear", street))[road].mean()


def test_a_photograph_is_8_bit_with_grain_and_darker_corners():
    picture = np.full((64, 96, 3), 0.5, np.float32)
    fine, coarse = (photograph(picture.copy(), np.random.default_rng(0), grain) for grain in (0.0, 0.1))
    assert (fine.dtype, fine.shape) == (np.uint8, (64, 96, 3))
    assert np.std(coarse[20:40, 30:60]) > 3 * np.std(fine[20:40, 30:60])
    corners = np.concatenate([fine[:4, :4], fine[-4:, -4:]])
    assert corners.mean() < fine[28:36, 44:52].mean() - 1

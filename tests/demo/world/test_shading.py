"""From surface numbers to a view: size, depth, classes, shadows, and light that only nights need."""

import numpy as np
import pytest
from helpers.street_world import GREY_SKY, SIZE, SUNNY, empty_canvas

from reliseg.demo.world.canvas import ASPHALT, FACADE, FLAT, SKY, Canvas, Paint
from reliseg.demo.world.shading import View, view

WALL, LAMP, ROAD = 3, 5, 0


def canvas_with_wall(material: int = FLAT) -> Canvas:
    """Draw a wall of 4 x 2 m at 10 m, a shining square before it, and the road below."""
    canvas = empty_canvas(SUNNY)
    canvas.fill(
        [(-9.0, 0.0, 4.0), (9.0, 0.0, 4.0), (9.0, 0.0, 300.0), (-9.0, 0.0, 300.0)], Paint((0.4,) * 3, ROAD), 1e6
    )
    wall = [(-2.0, 0.5, 10.0), (2.0, 0.5, 10.0), (2.0, 2.5, 10.0), (-2.0, 2.5, 10.0)]
    look = (2.0, 3.0, 0.0, 7.0, 0.5, 0.0)
    canvas.fill(wall, Paint((0.6, 0.5, 0.4), WALL, material, snow=0.8, look=look), 10.0)
    square = [(-0.3, 1.2, 8.0), (0.3, 1.2, 8.0), (0.3, 1.8, 8.0), (-0.3, 1.8, 8.0)]
    canvas.fill(square, Paint((0.9, 0.8, 0.6), LAMP, glow=3.0), 8.0)
    return canvas


def see(canvas: Canvas, *, night: bool = False, snow: bool = False) -> View:
    return view(canvas.raster(), GREY_SKY, night=night, snow=snow)


def test_a_view_has_half_the_rasters_size_and_its_classes():
    seen = see(canvas_with_wall())
    assert seen.truth.shape == seen.depth.shape == (SIZE[0] // 2, SIZE[1] // 2)
    assert seen.day.shape == seen.glow.shape == (SIZE[0] // 2, SIZE[1] // 2, 3)
    assert set(np.unique(seen.truth)) == {WALL, LAMP, ROAD, SKY}
    assert (seen.camera.focal, seen.camera.horizon, seen.camera.height) == (100.0, 25.0, 1.5)


def test_depth_is_that_of_the_surfaces_and_infinite_in_the_sky():
    seen = see(canvas_with_wall())
    np.testing.assert_allclose(seen.depth[seen.truth == WALL], 10.0, rtol=1e-4)
    np.testing.assert_allclose(seen.depth[seen.truth == LAMP], 8.0, rtol=1e-4)
    np.testing.assert_array_equal(np.isinf(seen.depth), seen.truth == SKY)
    rows = np.arange(40, 58)
    road = seen.depth[rows, 10]
    assert (seen.truth[rows, 10] == ROAD).all()
    # the depth of a pixel of half size is that of the lower right one of its four
    np.testing.assert_allclose(road, 1.5 * 200 / (2 * rows + 1.5 - 50), rtol=1e-3)


def test_light_and_snow_are_there_when_they_are_needed():
    canvas = canvas_with_wall()
    day, night, snow = see(canvas), see(canvas, night=True), see(canvas, snow=True)
    assert not day.glow.any()
    assert not day.snow.any()
    assert night.glow[25, 60].min() > 1
    assert not night.glow[night.truth == ROAD].any()
    assert snow.snow[snow.truth == WALL].max() == pytest.approx(0.8)
    np.testing.assert_array_equal(day.day, snow.day)


def test_windows_shine_at_night_only():
    canvas = canvas_with_wall(FACADE)
    assert see(canvas, night=True).glow[see(canvas).truth == WALL].max() > 0
    assert see(canvas).glow.max() == 0


def test_a_shadow_darkens_the_ground_and_nothing_else():
    plain, shaded = canvas_with_wall(), canvas_with_wall()
    shaded.shade([(-4.0, 0.0, 6.0), (4.0, 0.0, 6.0), (4.0, 0.0, 14.0), (-4.0, 0.0, 14.0)], 0.1)
    before, after = see(plain), see(shaded)
    darker = (after.day < before.day - 0.01).all(axis=2)
    assert darker.any()
    assert (before.truth[darker] == ROAD).all()
    np.testing.assert_array_equal(before.day[before.truth != ROAD], after.day[before.truth != ROAD])


def test_a_material_changes_colours_and_not_classes():
    canvas = empty_canvas()
    canvas.fill(
        [(-9.0, 0.0, 4.0), (9.0, 0.0, 4.0), (9.0, 0.0, 60.0), (-9.0, 0.0, 60.0)], Paint((0.4,) * 3, ROAD, ASPHALT), 1
    )
    seen = see(canvas)
    road = seen.day[seen.truth == ROAD]
    assert road.std() > 0.005
    assert road.mean() == pytest.approx(0.4, abs=0.05)

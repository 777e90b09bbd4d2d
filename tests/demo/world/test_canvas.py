"""Surfaces on a canvas: which hides which, how deep they lie, how light falls on them, and where shadows are."""

import numpy as np
import pytest
from helpers.street_world import OVERCAST, SIZE, SUNNY, empty_canvas, label_picture
from hypothesis import given
from hypothesis import strategies as st

from reliseg.demo.world.canvas import FOLIAGE, SKY, Paint, hull

NEARER, FARTHER = Paint((0.5, 0.5, 0.5), 3), Paint((0.2, 0.2, 0.2), 5)
GROUND = [(-2.0, 0.0, 6.0), (2.0, 0.0, 6.0), (2.0, 0.0, 10.0), (-2.0, 0.0, 10.0)]


def wall(z: float, x: float = 0.0) -> list[tuple[float, float, float]]:
    """An upright square of 2 m that faces the camera."""
    return [(x - 1.0, 0.5, z), (x + 1.0, 0.5, z), (x + 1.0, 2.5, z), (x - 1.0, 2.5, z)]


def test_the_nearer_surface_hides_the_farther_in_any_order():
    pictures = []
    for order in ((8.0, 12.0), (12.0, 8.0)):
        canvas = empty_canvas()
        for z in order:
            canvas.fill(wall(z), NEARER if z == 8 else FARTHER, z)
        pictures.append(label_picture(canvas))
    np.testing.assert_array_equal(*pictures)
    assert pictures[0][50, 120] == 3
    assert set(np.unique(pictures[0])) == {SKY, 3}  # the farther one is smaller, so wholly hidden


def test_a_surface_covers_the_pixels_that_it_projects_to():
    canvas = empty_canvas()
    canvas.fill(wall(10.0), NEARER, 10.0)
    rows, columns = np.nonzero(label_picture(canvas) == 3)
    assert (rows.min(), rows.max()) == pytest.approx((30, 70), abs=1)  # 50 -+ 1 m * 200 / 10
    assert (columns.min(), columns.max()) == pytest.approx((100, 140), abs=1)


def test_a_slanted_surface_has_its_own_depth_in_each_pixel():
    canvas = empty_canvas()
    canvas.fill(GROUND, NEARER, 6.0)
    raster = canvas.raster()
    p, q, r = raster.column("plane")[1]
    for x, z in ((-1.0, 7.0), (1.5, 9.5)):
        u, v = canvas.camera.project((x, 0.0, z))
        assert p * u + q * v + r == pytest.approx(1 / z, rel=1e-4)


def test_what_lies_outside_is_not_gathered():
    canvas = empty_canvas()
    canvas.fill(wall(10.0, x=50.0), NEARER, 10.0)
    canvas.fill(wall(-10.0), NEARER, 10.0)
    canvas.stroke([(-50.0, 0.0, 10.0), (-40.0, 0.0, 10.0)], 0.1, NEARER, 10.0)
    canvas.disc((0.0, 0.0, 0.1), 1.0, 1.0, NEARER, 10.0)
    assert len(canvas.raster().table) == 1


def test_a_surface_larger_than_the_canvas_fills_it():
    canvas = empty_canvas()
    canvas.fill([(-99.0, -99.0, 10.0), (99.0, -99.0, 10.0), (99.0, 99.0, 10.0), (-99.0, 99.0, 10.0)], NEARER, 10.0)
    assert (label_picture(canvas) == 3).all()


def test_a_face_that_looks_away_is_left_out():
    for inside, visible in (((0.0, 1.5, 12.0), True), ((0.0, 1.5, 8.0), False)):
        canvas = empty_canvas()
        canvas.face(wall(10.0), inside, NEARER, 10.0)
        assert (label_picture(canvas) == 3).any() == visible


def test_width_and_half_axes_are_metres():
    canvas = empty_canvas()
    canvas.stroke([(-3.0, 1.5, 10.0), (3.0, 1.5, 10.0)], 0.5, NEARER, 10.0)
    canvas.disc((0.0, 3.0, 10.0), 1.0, 0.5, FARTHER, 10.0)
    picture = label_picture(canvas)
    assert (picture == 3)[:, 70].sum() == pytest.approx(10, abs=1)  # 0.5 m * 200 / 10
    assert (picture == 5).any(axis=0).sum() == pytest.approx(40, abs=2)
    assert (picture == 5).any(axis=1).sum() == pytest.approx(20, abs=2)


def test_the_sun_brightens_what_faces_it_and_an_overcast_sky_has_no_side():
    left, right, up = (-1.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)
    assert SUNNY.on(right) > OVERCAST.on(right) > SUNNY.on(left)
    assert OVERCAST.on(left) == OVERCAST.on(right) < OVERCAST.on(up)


def test_a_shadow_lies_below_the_thing_and_reaches_away_from_the_sun():
    spans = {}
    for name, light in (("overcast", OVERCAST), ("sunny", SUNNY)):
        canvas = empty_canvas(light)
        canvas.shade(GROUND, height=3.0)
        shadow = canvas.raster().shadow
        assert shadow.shape == SIZE
        assert shadow[int(canvas.camera.project((0.0, 0.0, 8.0))[1]), 120] > 0
        assert not shadow[:60].any()  # above the horizon, and where the ground is far
        spans[name] = np.nonzero(shadow.any(axis=0))[0]
    assert spans["sunny"].min() < spans["overcast"].min() - 10  # the sun stands to the right
    assert abs(int(spans["sunny"].max()) - int(spans["overcast"].max())) <= 3


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=3, max_size=12))
def test_a_hull_goes_round_all_places_and_turns_one_way(places):
    corners = hull([(float(x), float(z)) for x, z in places])
    assert {(x, z) for x, _, z in corners} <= {(float(x), float(z)) for x, z in places}
    for (ax, _, az), (bx, _, bz) in zip(corners, corners[1:] + corners[:1], strict=True):
        assert all((bx - ax) * (z - az) - (bz - az) * (x - ax) >= 0 for x, z in places)


def test_tint_and_dye_change_the_colour():
    paint = Paint((0.2, 0.4, 0.6), 8, FOLIAGE, glow=2.0, snow=0.5)
    assert paint.tint(0.5).colour == pytest.approx((0.1, 0.2, 0.3))
    assert (paint.tint(0.5).label, paint.tint(0.5).material, paint.tint(0.5).glow) == (8, FOLIAGE, 2.0)
    assert paint.dye((1.0, 0.0, 0.0)) == Paint((1.0, 0.0, 0.0), 8, snow=0.5)

"""Vehicles: their classes and sizes, and the solid body that they are made of."""

import numpy as np
import pytest
from helpers.street_world import draw_thing, empty_canvas, equal_rasters, label_picture, labels_of

from reliseg.demo.world.camera import Pose
from reliseg.demo.world.canvas import BUS, CAR, SKY, TRAIN, TRUCK, Paint
from reliseg.demo.world.vehicles import Body, bus, car, train, truck

THINGS = {"car": (car, CAR, 2.0), "truck": (truck, TRUCK, 4.2), "bus": (bus, BUS, 3.2), "train": (train, TRAIN, 5.0)}


@pytest.mark.parametrize("name", THINGS)
@pytest.mark.parametrize("heading", [0.0, 0.5, 3.14])
@pytest.mark.parametrize("seed", range(3))
def test_a_vehicle_is_of_its_class_alone_and_no_higher_than_its_kind(name, heading, seed):
    thing, label, highest = THINGS[name]
    picture = labels_of(draw_thing(thing, 40.0, seed, heading))
    assert set(np.unique(picture)) == {SKY, label}
    rows = np.nonzero((picture == label).any(axis=1))[0]
    nearest = 40.0 - (25.0 if name == "train" else 7.0)
    assert rows.max() <= 50 + 1.5 * 200 / nearest + 1
    assert rows.min() >= 50 - (highest - 1.5) * 200 / nearest - 1


@pytest.mark.parametrize("name", THINGS)
def test_equal_seeds_draw_the_same(name):
    thing, *_ = THINGS[name]
    assert equal_rasters(draw_thing(thing, 20.0), draw_thing(thing, 20.0))
    assert draw_thing(thing, 20.0).shadow.any()


def test_cars_differ():
    pictures = [labels_of(draw_thing(car, seed=seed)) for seed in range(6)]
    assert len({picture.tobytes() for picture in pictures}) > 2


def test_a_parked_car_has_no_lights():
    def glow(lit: bool) -> float:
        canvas = empty_canvas()
        car(canvas, np.random.default_rng(0), Pose.on(canvas.camera, 0.0, 8.0), 0.0, lit)
        return float(canvas.raster().column("glow").max())

    assert glow(True) > 0
    assert glow(False) == 0


def box(x: float = 0.0, heading: float = 0.0) -> Body:
    """A box of 4 m length, 2 m height, and 2 m width below and 1 m above."""
    canvas = empty_canvas()
    corners = [(-2.0, 0.0, 1.0), (-2.0, 2.0, 0.5), (2.0, 2.0, 0.5), (2.0, 0.0, 1.0)]
    return Body(canvas, Pose.on(canvas.camera, x, 10.0, heading), 0.0, CAR, corners)


def test_the_half_width_follows_the_profile():
    assert [box().half(up) for up in (-1.0, 0.0, 1.0, 2.0, 9.0)] == pytest.approx([1.0, 1.0, 0.75, 0.5, 0.5])
    assert box().inside == pytest.approx((0.0, 1.0, 10.0))


@pytest.mark.parametrize(("x", "heading", "side"), [(4.0, 0.0, -1), (-4.0, 0.0, 1), (4.0, np.pi, 1), (-4.0, np.pi, -1)])
def test_the_visible_side_is_the_one_towards_the_camera(x, heading, side):
    assert box(x, heading).side() == side


def test_a_shell_covers_the_box_and_hides_its_far_faces():
    body = box()
    paint = Paint((0.5,) * 3, CAR)
    body.shell([paint] * 4, paint)
    picture = label_picture(body.canvas) == CAR
    rows, columns = np.nonzero(picture)
    assert rows.max() == pytest.approx(50 + 1.5 * 200 / 8, abs=1)  # the near end, 8 m ahead
    assert np.ptp(columns) == pytest.approx(2 * 200 / 8, abs=2)
    assert len(body.canvas.raster().table) == 2  # the camera sees one end of it only


def test_a_detail_on_the_hidden_end_is_not_drawn():
    for ahead, visible in ((-2.01, True), (2.01, False)):
        body = box()
        body.end(ahead, (-0.5, 0.5, 0.5, 1.0), Paint((0.5,) * 3, CAR))
        assert (label_picture(body.canvas) == CAR).any() == visible

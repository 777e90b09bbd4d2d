"""Plans of streets in their ranges, and the ground that follows them."""

import numpy as np
import pytest
from helpers.street_world import empty_canvas, label_picture, straight_layout

from reliseg.demo.world.canvas import ROAD, SIDEWALK, SKY, TERRAIN, Paint
from reliseg.demo.world.street import Strips, draw_ground, plan


@pytest.fixture(scope="module")
def plans():
    return [plan(np.random.default_rng(seed)) for seed in range(200)]


def test_equal_seeds_give_equal_plans(plans):
    assert plan(np.random.default_rng(7)) == plans[7]


def test_plans_are_of_all_kinds(plans):
    assert {side.style for layout in plans for side in layout.sides} == {"urban", "suburb", "park"}
    for kind in ("parking", "rails", "crossing"):
        assert 0.3 < np.mean([bool(getattr(layout, kind)) for layout in plans]) < 0.8


def test_the_strips_of_a_side_lie_outside_one_another(plans):
    for layout in plans:
        assert [side.sign for side in layout.sides] == [-1, 1]
        for side in layout.sides:
            assert layout.half + side.verge < side.edge <= side.line
            assert side.edge == pytest.approx(layout.half + side.verge + side.walk)


def test_rails_have_lanes_beside_them(plans):
    assert all(layout.lanes == 2 for layout in plans if layout.rails)


def test_a_street_is_open_at_its_crossing_only():
    layout = straight_layout(crossing=(20.0, 30.0))
    assert [layout.open_at(z) for z in (18.0, 19.5, 25.0, 30.5, 32.0)] == [False, True, True, True, False]
    assert not straight_layout().open_at(25.0)


def ground(**options):
    canvas = empty_canvas()
    draw_ground(canvas.camera, np.random.default_rng(0), canvas, straight_layout(**options))
    return label_picture(canvas)


def test_road_in_the_middle_pavement_beside_it_and_nothing_above_the_horizon():
    picture = ground()
    assert set(np.unique(picture)) == {ROAD, SIDEWALK, SKY}
    assert (picture[:49] == SKY).all()
    row = 100  # 6 m ahead, where a metre is 33 columns
    assert (picture[row, 10:230] == ROAD).all()
    row = 75  # 12 m ahead: 16.7 columns
    assert (picture[row, 120 - 55 : 120 + 55] == ROAD).all()
    assert (picture[row, [120 - 65, 120 + 65]] == SIDEWALK).all()


def test_a_side_street_crosses_the_pavement():
    row = 63  # 23 m ahead: 8.7 columns for a metre
    assert (ground(crossing=(20.0, 30.0))[row, [60, 180]] == ROAD).all()
    assert (ground()[row, [60, 180]] == SIDEWALK).all()


def test_a_park_has_grass_beyond_its_pavement():
    assert (ground(style="park")[60, [1, 238]] == TERRAIN).all()


def test_a_strip_lies_between_its_distances():
    canvas = empty_canvas()
    Strips(canvas.camera, canvas, 1.0).strip(-1.0, 1.0, 6.0, 12.0, Paint((0.5,) * 3, ROAD))
    rows, columns = np.nonzero(label_picture(canvas) == ROAD)
    assert (rows.min(), rows.max()) == pytest.approx((75, 100), abs=1)
    assert (columns.min(), columns.max()) == pytest.approx((120 - 33, 120 + 33), abs=1)


def test_a_strip_that_ends_before_it_begins_is_nothing():
    canvas = empty_canvas()
    Strips(canvas.camera, canvas, 1.0).strip(-1.0, 1.0, 12.0, 6.0, Paint((0.5,) * 3, ROAD))
    assert (label_picture(canvas) == SKY).all()

"""Trees, lamps, traffic lights and signs: their classes, places and heights."""

import numpy as np
import pytest
from helpers.street_world import empty_canvas, equal_rasters, label_picture

from reliseg.demo.world.canvas import LIGHT, POLE, SIGN, SKY, VEGETATION, Canvas
from reliseg.demo.world.furniture import board, bush, lamp, pole_paint, sign, traffic_light, tree

S, Z = 1.0, 20.0


def draw(name: str, seed: int = 0) -> Canvas:
    """Draw a thing 1 m to the right, 20 m ahead."""
    canvas, rng = empty_canvas(), np.random.default_rng(seed)
    paint = pole_paint(rng)
    match name:
        case "tree":
            tree(canvas, rng, (S, 0.0, Z), 4.0, 0.0)
        case "bush":
            bush(canvas, rng, (S, 0.0, Z), 1.0, 0.0)
        case "lamp":
            lamp(canvas, canvas.camera, S, Z, 4.5, paint)
        case "traffic light":
            traffic_light(canvas, rng, canvas.camera, S, Z, paint)
        case "sign":
            sign(canvas, rng, canvas.camera, S, Z, paint)
        case "board":
            board(canvas, canvas.camera, S, Z, paint)
    return canvas


CLASSES = {
    "tree": {VEGETATION},
    "bush": {VEGETATION},
    "lamp": {POLE},
    "traffic light": {POLE, LIGHT},
    "sign": {POLE, SIGN},
    "board": {POLE, SIGN},
}


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("seed", range(6))
def test_only_its_own_classes_are_drawn_from_the_ground_up(name, seed):
    picture = label_picture(draw(name, seed))
    assert set(np.unique(picture)) == {SKY, *CLASSES[name]}
    rows, columns = np.nonzero(picture != SKY)
    assert rows.max() == pytest.approx(50 + 1.5 * 200 / Z, abs=3)
    assert columns.min() <= 120 + S * 200 / Z <= columns.max()


@pytest.mark.parametrize("name", CLASSES)
def test_equal_seeds_draw_the_same(name):
    assert equal_rasters(draw(name).raster(), draw(name).raster())


@pytest.mark.parametrize("seed", range(12))
def test_a_tree_is_as_high_as_asked_for(seed):
    rows = np.nonzero((label_picture(draw("tree", seed)) == VEGETATION).any(axis=1))[0]
    assert np.ptp(rows) * Z / 200 == pytest.approx(4.0, abs=0.9)


@pytest.mark.parametrize("s", [-3.0, 3.0])
def test_a_lamp_hangs_over_the_road_and_is_remembered(s):
    canvas = empty_canvas()
    lamp(canvas, canvas.camera, s, Z, 4.5, pole_paint(np.random.default_rng(0)))
    [(x, y, z)] = canvas.lamps
    assert abs(x) < abs(s)
    assert (y > 4.5, z) == (True, Z)
    assert canvas.raster().column("glow").max() > 0


def test_one_light_of_a_traffic_light_shines():
    glow = draw("traffic light").raster().column("glow")
    assert (glow > 0).sum() in (1, 2)  # as many as there are signals

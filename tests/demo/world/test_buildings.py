"""The sides of a street: what stands there, on its own side, and what closes the view."""

import numpy as np
import pytest
from helpers.street_world import empty_canvas, equal_rasters, label_picture, straight_layout

from reliseg.demo.world.buildings import Builder
from reliseg.demo.world.canvas import BUILDING, FENCE, SKY, VEGETATION, WALL, Canvas


def build(style: str, seed: int, sign: int = -1, **options: object) -> Canvas:
    canvas = empty_canvas()
    layout = straight_layout(style, **options)
    builder = Builder(canvas.camera, canvas, np.random.default_rng(seed), layout)
    builder.side(layout.sides[0 if sign < 0 else 1])
    return canvas


@pytest.mark.parametrize("style", ["urban", "suburb", "park"])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_side_is_built_on_its_own_side(style, sign):
    covered = np.zeros(240, bool)
    for seed in range(3):
        picture = label_picture(build(style, seed, sign))
        assert set(np.unique(picture)) <= {SKY, BUILDING, WALL, FENCE, VEGETATION}
        covered |= (picture != SKY).any(axis=0)
    own, other = (covered[:110], covered[130:]) if sign < 0 else (covered[130:], covered[:110])
    assert own.mean() > 0.9
    assert not other.any()


def test_equal_seeds_build_the_same():
    assert equal_rasters(build("suburb", 4).raster(), build("suburb", 4).raster())
    assert not equal_rasters(build("suburb", 4).raster(), build("suburb", 5).raster())


def test_all_kinds_of_things_line_streets():
    labels = {int(label) for style in ("urban", "suburb") for seed in range(4) for label in _labels(style, seed)}
    assert labels == {SKY, BUILDING, WALL, FENCE, VEGETATION}


def _labels(style: str, seed: int) -> np.ndarray:
    return np.unique(build(style, seed).raster().column("label"))


def test_the_skyline_stands_on_the_horizon_all_along_it():
    canvas = empty_canvas()
    Builder(canvas.camera, canvas, np.random.default_rng(0), straight_layout()).skyline()
    picture = label_picture(canvas)
    assert set(np.unique(picture)) <= {SKY, BUILDING, VEGETATION}
    assert (picture[48:50] != SKY).mean() > 0.95
    assert (picture[:25] == SKY).all()


def test_nothing_is_built_in_a_side_street():
    canvas = build("urban", 0, crossing=(20.0, 60.0))
    depths = 1 / canvas.raster().column("plane")[1:, 2]
    flat = np.isfinite(depths) & (canvas.raster().column("plane")[1:, :2] == 0).all(axis=1)  # faces the camera
    assert not ((depths > 21.0) & (depths < 59.0))[flat].any()

"""Flat figures: where their parts lie, and how scale and mirror act."""

import numpy as np
import pytest
from helpers.street_world import empty_canvas, label_picture

from reliseg.demo.world.canvas import Paint
from reliseg.demo.world.cutout import Cutout

PAINT = Paint((0.5, 0.5, 0.5), 11)


def figure(wide: float = 1.0, tall: float = 1.0) -> Cutout:
    return Cutout(empty_canvas(), (0.0, 0.0, 10.0), 10.0, 1.0, wide, tall)


def test_parts_are_placed_from_the_foot():
    assert figure(2.0, 0.5).at((0.3, 1.0)) == pytest.approx((0.6, 0.5, 10.0))


def test_a_box_has_its_size_in_metres():
    cutout = figure()
    cutout.box((-0.5, 0.0), (0.5, 2.0), PAINT)
    rows, columns = np.nonzero(label_picture(cutout.canvas) == 11)
    assert np.ptp(columns) == pytest.approx(20, abs=1)
    assert np.ptp(rows) == pytest.approx(40, abs=1)
    assert rows.max() == pytest.approx(80, abs=1)  # the ground at 10 m


@pytest.mark.parametrize("part", ["fill", "stroke", "disc"])
def test_a_negative_width_mirrors(part):
    pictures = []
    for wide in (1.0, -1.0):
        cutout = figure(wide)
        if part == "fill":
            cutout.fill([(0.2, 0.0), (1.0, 0.0), (0.2, 1.0)], PAINT)
        elif part == "stroke":
            cutout.stroke([(0.3, 0.2), (1.0, 1.0)], 0.2, PAINT)
        else:
            cutout.disc((0.6, 0.5), (0.3, 0.2), PAINT)
        pictures.append(label_picture(cutout.canvas) == 11)
    first, second = (np.nonzero(picture)[1] for picture in pictures)
    assert first.min() > 120 > second.max()
    assert abs(pictures[0].sum() - pictures[1].sum()) <= 0.1 * pictures[0].sum()


def test_the_shadow_lies_around_the_foot():
    cutout = figure()
    cutout.shade(1.0, 0.5, 1.7)
    rows, columns = np.nonzero(cutout.canvas.raster().shadow)
    assert rows.mean() == pytest.approx(80, abs=2)
    assert columns.mean() == pytest.approx(120, abs=2)

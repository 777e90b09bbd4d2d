"""Unknown things: each is of no known class, and some stand on the road of every street."""

import numpy as np
import pytest
from helpers.street_world import draw_thing, empty_canvas, equal_rasters, label_picture, labels_of, straight_layout

from reliseg.demo.world import oddities
from reliseg.demo.world.canvas import SKY
from reliseg.demo.world.oddities import scatter
from reliseg.labels import UNKNOWN

THINGS = ("cow", "ball", "sofa", "boxes", "tractor", "tent", "bathtub")


@pytest.mark.parametrize("name", THINGS)
@pytest.mark.parametrize("seed", range(3))
def test_a_thing_is_unknown_and_stands_on_the_ground(name, seed):
    picture = labels_of(draw_thing(getattr(oddities, name), 12.0, seed))
    assert set(np.unique(picture)) == {SKY, UNKNOWN}
    rows = np.nonzero((picture == UNKNOWN).any(axis=1))[0]
    assert 50 < rows.max() < 50 + 1.5 * 200 / 9
    assert 0.4 < (rows.max() - rows.min()) * 12 / 200 < 3.5


@pytest.mark.parametrize("name", THINGS)
def test_equal_seeds_draw_the_same(name):
    thing = getattr(oddities, name)
    assert equal_rasters(draw_thing(thing), draw_thing(thing))


@pytest.mark.parametrize("seed", range(8))
def test_scattered_things_are_seen_in_every_street(seed):
    canvas = empty_canvas()
    scatter(canvas, canvas.camera, np.random.default_rng(seed), straight_layout())
    picture = label_picture(canvas)
    assert set(np.unique(picture)) == {SKY, UNKNOWN}
    assert (picture == UNKNOWN).sum() > 50

"""People and cycles: their classes, that they stand on the ground, and that their size falls with distance."""

from functools import partial

import numpy as np
import pytest
from helpers.street_world import draw_thing, equal_rasters, labels_of

from reliseg.demo.world.canvas import BICYCLE, MOTORCYCLE, PERSON, RIDER, SKY
from reliseg.demo.world.people import bicycle, motorcycle, person

THINGS = {
    "person": (person, {PERSON}),
    "bicycle": (bicycle, {BICYCLE}),
    "cyclist": (partial(bicycle, ridden=True), {BICYCLE, RIDER}),
    "motorcycle": (motorcycle, {MOTORCYCLE}),
    "motorcyclist": (partial(motorcycle, ridden=True), {MOTORCYCLE, RIDER}),
}


@pytest.mark.parametrize("name", THINGS)
@pytest.mark.parametrize("heading", [0.0, 1.5, 3.1])
def test_only_their_own_classes_are_drawn(name, heading):
    thing, classes = THINGS[name]
    assert set(np.unique(labels_of(draw_thing(thing, heading=heading)))) == {SKY, *classes}


@pytest.mark.parametrize("name", THINGS)
def test_equal_seeds_draw_the_same_and_others_do_not(name):
    thing, _ = THINGS[name]
    assert equal_rasters(draw_thing(thing), draw_thing(thing))
    assert not equal_rasters(draw_thing(thing), draw_thing(thing, seed=1))


@pytest.mark.parametrize("name", THINGS)
@pytest.mark.parametrize("z", [6.0, 16.0])
def test_they_stand_on_the_ground_and_are_as_high_as_people(name, z):
    thing, _ = THINGS[name]
    rows = np.nonzero((labels_of(draw_thing(thing, z)) != SKY).any(axis=1))[0]
    assert rows.max() == pytest.approx(50 + 1.5 * 200 / z, abs=0.3 * 200 / z)
    assert 0.8 < (rows.max() - rows.min()) * z / 200 < 2.2


@pytest.mark.parametrize("name", THINGS)
def test_they_cast_a_shadow(name):
    assert draw_thing(THINGS[name][0]).shadow.any()

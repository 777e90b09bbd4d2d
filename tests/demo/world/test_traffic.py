"""Traffic: vehicles of a lane stand one behind the other, nothing stands in a side street, and what is drawn."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from helpers.street_world import empty_canvas, label_picture, straight_layout

from reliseg.demo.world import traffic
from reliseg.demo.world.canvas import SKY
from reliseg.demo.world.traffic import Traffic, bonnet
from reliseg.labels import VOID

LENGTHS = {"car": 4.9, "truck": 9.0, "bus": 11.2}
PEOPLE, CYCLES, VEHICLES, FURNITURE = {11}, {12, 17, 18}, {13, 14, 15, 16}, {5, 6, 7, 8}


@pytest.fixture
def places(monkeypatch):
    """Notes (kind, pose) in the place of drawing."""
    notes = []
    for name in (*LENGTHS, "train", "bicycle", "motorcycle", "person"):
        monkeypatch.setattr(traffic, name, lambda canvas, rng, pose, *_, name=name: notes.append((name, pose)))
    return notes


def make_traffic(seed: int, **changes: object) -> Traffic:
    canvas = empty_canvas()
    return Traffic(canvas.camera, canvas, np.random.default_rng(seed), replace(straight_layout(), **changes))


@pytest.mark.parametrize("direction", [1, -1])
def test_vehicles_of_a_lane_do_not_touch(places, direction):
    for seed in range(150):
        places.clear()
        make_traffic(seed).add_moving_traffic()
        lane = [(p.z, LENGTHS[name]) for name, p in places if name in LENGTHS and round(p.cos) == direction]
        assert lane == sorted(lane)
        for (z0, length0), (z1, length1) in pairwise(lane):
            assert z0 + length0 / 2 < z1 - length1 / 2
        assert all(direction * p.x > 0 for name, p in places if name in LENGTHS and round(p.cos) == direction)


def test_parked_cars_stand_at_the_kerb_and_leave_side_streets_open(places):
    for seed in range(6):
        make_traffic(seed, half=5.6, parking=True, crossing=(30.0, 40.0)).add_parked_vehicles()
    cars = [pose for name, pose in places if name == "car"]
    assert len(cars) > 20
    for pose in cars:
        assert abs(pose.x) == pytest.approx(5.6 - 1.05)
        assert not 29 - 0.5 < pose.z < 41 - 2.5


def test_people_walk_on_the_pavements_or_cross(places):
    for seed in range(6):
        make_traffic(seed).add_people()
    places_of_people = [(abs(pose.x), pose.y) for name, pose in places if name == "person"]
    assert len(places_of_people) > 10
    for x, y in places_of_people:
        assert (3.5 < x < 7.2 and y == traffic.KERB) or (x <= 3.5 and y == 0.0)


@pytest.mark.parametrize(
    ("method", "classes"),
    [
        ("add_moving_traffic", VEHICLES | CYCLES),
        ("add_parked_vehicles", VEHICLES | CYCLES),
        ("add_people", PEOPLE),
        ("add_furniture", FURNITURE),
    ],
)
def test_what_is_drawn_is_of_its_classes(method, classes):
    labels = set()
    for seed in range(4):
        scene = make_traffic(seed, parking=True, half=5.6)
        getattr(scene, method)()
        labels |= set(np.unique(label_picture(scene.canvas)).tolist())
    assert SKY in labels
    assert labels - {SKY}
    assert labels <= {SKY, *classes}


def test_lamps_leave_side_streets_open():
    for seed in range(6):
        scene = make_traffic(seed, crossing=(20.0, 60.0))
        scene.add_furniture()
        assert scene.canvas.lamps
        assert not any(19 < z < 61 for _, _, z in scene.canvas.lamps)


def test_a_tram_runs_where_rails_are(places):
    for seed in range(4):
        make_traffic(seed, rails=True, lanes=2, half=6.5).add_moving_traffic()
    trams = [pose for name, pose in places if name == "train"]
    assert trams
    assert all(abs(pose.x) == pytest.approx(1.6) for pose in trams)


def test_the_bonnet_is_void_at_the_lower_edge_of_some_scenes():
    scenes_with_bonnet = 0
    for seed in range(20):
        canvas = empty_canvas()
        bonnet(canvas, np.random.default_rng(seed))
        picture = label_picture(canvas)
        assert set(np.unique(picture)) <= {SKY, VOID}
        assert (picture[:100] == SKY).all()
        scenes_with_bonnet += bool((picture[-1] == VOID).all())
    assert 3 < scenes_with_bonnet < 17

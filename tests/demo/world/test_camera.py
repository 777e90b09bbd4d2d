"""Projection and its inverse, street coordinates, and the cut at the near plane."""

import numpy as np
import pytest
from helpers.street_world import straight_camera
from hypothesis import assume, given
from hypothesis import strategies as st

from reliseg.demo.world.camera import NEAR, Pose, clip_to_near

POINT = st.tuples(st.floats(-20, 20), st.floats(-2, 8), st.floats(1, 80))


@pytest.mark.parametrize("z", [1.0, 10.0, 300.0])
def test_what_is_as_high_as_the_camera_lies_on_the_horizon(z):
    camera = straight_camera()
    assert camera.project((0.0, 1.5, z)) == (120.0, 50.0)
    u, v = camera.project((1.0, 0.0, z))
    assert u - 120 == pytest.approx(200 / z)
    assert v - 50 == pytest.approx(1.5 * 200 / z)


@given(points=st.tuples(POINT, POINT, POINT), a=st.floats(0.1, 0.8), b=st.floats(0.1, 0.8))
def test_a_planes_inverse_depth_is_that_of_every_point_on_it(points, a, b):
    camera = straight_camera(height=1.3)
    plane = camera.plane(*points)
    assume(plane is not None)
    p, q, r = plane
    first, second, third = (np.array(point) for point in points)
    assume(np.linalg.norm(np.cross(second - first, third - first)) > 1e-3)  # on a line but for rounding: no plane
    for point in (first, first + a * (second - first) + b * (third - first)):
        assume(point[2] > 0.5)
        u, v = camera.project(tuple(point))
        size = abs(p * u) + abs(q * v) + abs(r)
        assert p * u + q * v + r == pytest.approx(1 / point[2], abs=1e-9 + 1e-6 * size)


def test_a_plane_through_the_camera_is_seen_edge_on():
    camera = straight_camera()
    assert camera.plane((0.0, 0.0, 5.0), (0.0, 3.0, 5.0), (0.0, 0.0, 9.0)) is None
    assert camera.plane((2.0, 0.0, 5.0), (2.0, 3.0, 5.0), (2.0, 0.0, 9.0)) is not None


def test_the_street_runs_along_its_tangent():
    camera = straight_camera(yaw=0.05, bend=0.002, shift=1.5)
    for z in (2.0, 30.0, 90.0):
        step = (camera.road(0.0, z + 1e-4)[0] - camera.road(0.0, z - 1e-4)[0]) / 2e-4
        assert step == pytest.approx(camera.tangent(z), abs=1e-6)
    assert camera.road(2.0, 10.0, 0.5)[0] - camera.road(0.0, 10.0)[0] == pytest.approx(2.0)


@given(heading=st.floats(-3, 3), first=POINT, second=POINT)
def test_a_pose_keeps_distances(heading, first, second):
    pose = Pose.on(straight_camera(), 1.0, 10.0, heading)
    there = np.array(pose.at(*first)) - np.array(pose.at(*second))
    here = np.array(first) - np.array(second)
    assert np.linalg.norm(there) == pytest.approx(np.linalg.norm(here), abs=1e-9)


def test_a_pose_without_heading_looks_down_the_street():
    pose = Pose.on(straight_camera(), 1.0, 10.0)
    assert pose.at(0.5, 2.0, 3.0) == pytest.approx((1.5, 2.0, 13.0))


def test_a_polygon_ahead_is_not_cut_and_one_behind_is_nothing():
    ahead = [(0.0, 0.0, 1.0), (1.0, 0.0, 2.0), (0.0, 1.0, 2.0)]
    assert clip_to_near(ahead) == ahead
    assert clip_to_near([(x, y, -z) for x, y, z in ahead]) == []


def test_what_is_cut_ends_on_the_near_plane_and_on_its_edges():
    triangle = [(0.0, 0.0, NEAR - 1), (4.0, 2.0, NEAR + 3), (-4.0, 0.0, NEAR + 3)]
    corners = [(-4.0, 0.0, NEAR + 3), (-1.0, 0.0, NEAR), (1.0, 0.5, NEAR), (4.0, 2.0, NEAR + 3)]
    np.testing.assert_allclose(sorted(clip_to_near(triangle)), corners)

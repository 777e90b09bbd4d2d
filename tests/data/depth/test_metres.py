"""Metres of what is stored."""

import json
from dataclasses import replace

import numpy as np
import pytest

from reliseg.data.depth.maps import read_depth_maps
from reliseg.data.depth.metres import metres_of
from reliseg.data.spec import read_spec

DISPARITIES = read_depth_maps(read_spec("cityscapes"))
CAMERA = {"extrinsic": {"baseline": 0.25}, "intrinsic": {"fx": 2000.0, "fy": 1.0, "u0": 1.0, "v0": 0.0}}


def camera(**intrinsic):
    return json.dumps(CAMERA | {"intrinsic": CAMERA["intrinsic"] | intrinsic}).encode()


def stored(*values):
    return np.array([values], np.uint16)


def test_disparities_of_cityscapes_become_distances():
    found = metres_of(DISPARITIES, stored(0, 1 + 256 * 50, 1, 1 + 256 * 25), camera())
    along = [10, 10, np.inf, 20]
    rays = np.sqrt(1 + ((np.arange(4) - 1) / 2000) ** 2)
    assert found[0] == pytest.approx(along * rays, rel=1e-6)


def test_without_a_center_depth_along_the_axis_stands_for_distance():
    found = metres_of(replace(DISPARITIES, center=()), stored(1 + 256 * 50, 1 + 256 * 25), camera())
    assert found.tolist() == [[10, 20]]


def test_metres_are_scaled_and_several_values_may_be_holes():
    maps = replace(DISPARITIES, stores="metres", offset=0, scale=100, holes=(0, 65535), focal=None, baseline=None)
    found = metres_of(replace(maps, center=()), stored(0, 250, 65535, 1000), b"")
    assert found[0] == pytest.approx([2.5, 2.5, 10, 10])


def test_values_below_the_offset_are_holes():
    maps = replace(DISPARITIES, offset=100, holes=(), center=())
    assert metres_of(maps, stored(99, 100 + 256 * 50), camera()).tolist() == [[10, 10]]


def test_numbers_of_a_spec_need_no_file():
    maps = replace(DISPARITIES, focal=2000.0, baseline=0.25, center=())
    assert metres_of(maps, stored(1 + 256 * 50), b"").tolist() == [[10]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no json", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[1]", "no number intrinsic.fx"),
        (camera(fx="2000"), "no number intrinsic.fx"),
        (camera(fx=True), "no number intrinsic.fx"),
        (camera(fx=float("nan")), "no number intrinsic.fx"),
        (camera(fx=0), "has 0 for intrinsic.fx, and it must be above 0"),
        (camera(u0=None), "no number intrinsic.u0"),
    ],
)
def test_what_is_wrong_with_the_file_of_a_camera_is_said(content, message):
    with pytest.raises(ValueError, match=message):
        metres_of(DISPARITIES, stored(257), content)


def test_a_map_of_holes_tells_nothing():
    with pytest.raises(ValueError, match="no pixel has a depth"):
        metres_of(DISPARITIES, stored(0, 0), camera())

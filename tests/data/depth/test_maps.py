"""What a spec says of its depth maps."""

from dataclasses import replace

import pytest

from reliseg.data.depth.maps import read_depth_maps
from reliseg.data.spec import dataset_names, read_spec
from reliseg.errors import ConfigError

CITYSCAPES = read_spec("cityscapes")
METRES = {"map": "depth/{scene}/{stem}.png", "stores": "metres", "scale": 256}


def read(**changes):
    table = {**METRES, **changes}
    return read_depth_maps(replace(CITYSCAPES, depth={k: v for k, v in table.items() if v is not None}))


def test_cityscapes_has_disparities_and_cameras():
    maps = read_depth_maps(CITYSCAPES)
    assert (maps.stores, maps.offset, maps.scale, maps.holes) == ("disparity", 1, 256, (0,))
    assert maps.numbers == ("intrinsic.fx", "extrinsic.baseline", "intrinsic.u0", "intrinsic.v0")


def test_other_specs_say_nothing_of_depth():
    assert [name for name in dataset_names() if read_depth_maps(read_spec(name))] == ["cityscapes"]


def test_metres_need_no_camera():
    maps = read()
    assert (maps.camera, maps.numbers, maps.offset) == ((), (), 0)


def test_how_metres_are_made_is_content_and_where_files_lie_is_not():
    assert read().facts() == read(map="elsewhere/{stem}.png").facts()
    assert read().facts() != read(scale=100).facts()
    assert set(read().facts()) == {"stores", "offset", "scale", "holes", "focal", "baseline", "center"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"map": None}, "the key map is missing"),
        ({"maps": "x/{stem}.png"}, "unknown key 'maps'; did you mean '?map"),
        ({"map": "depth/{city}/{stem}.png"}, "unknown key 'city'"),
        ({"stores": "depth"}, "stores is 'disparity' or 'metres', not 'depth'"),
        ({"stores": "disparity"}, r"disparities need focal \(pixels\) and baseline"),
        ({"scale": 0}, "scale is 0; give a number above 0"),
        ({"scale": "256"}, "scale is no number, but '?256"),
        ({"offset": True}, "offset is no number"),
        ({"holes": [-1]}, "holes: -1 is no stored value"),
        ({"holes": ["x"]}, "holes: 'x' is no stored value"),
        ({"center": [3]}, "center is a column and a row"),
        ({"center": [3, 4]}, "center needs focal"),
        ({"focal": "fx"}, "'fx' stands in the camera's file; say where it lies, by camera"),
        ({"focal": -3}, "focal is -3; give a number above 0"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(changes, message):
    with pytest.raises(ConfigError, match=message) as raised:
        read(**changes)
    assert "\n" not in str(raised.value)

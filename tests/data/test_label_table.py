"""The table `label_map`: which ids become what, and one line for each thing that is wrong."""

import numpy as np
import pytest

from reliseg.data.label_table import read_label_map
from reliseg.errors import ConfigError
from reliseg.labels import UNKNOWN, VOID, label_space

CAMVID = label_space("camvid")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"kown": {}}, "unknown key 'kown'; did you mean 'known'"),
        ({"encoding": "colour"}, "unknown encoding 'colour'; did you mean 'color'"),
        ({"unlisted": "ignore"}, "unlisted is 'error' or 'void'"),
        ({"encoding": "color", "void": [0]}, "void has no meaning with encoding color"),
        ({"known": {0: 11}}, "0 = 11, but camvid has the ids 0 to 10"),
        ({"known": "same"}, "known is 'identity' or a table"),
        ({"void": ["x"]}, "void holds a list of whole numbers"),
        ({"void": 3}, "void holds a list of whole numbers"),
        ({"known": {0: 0}, "void": [0]}, "raw id 0 is listed twice, once as known"),
        ({"void": [-1]}, r"raw id -1 \(void\) is not in 0 to 65535"),
    ],
)
def test_wrong_label_maps(table, message):
    with pytest.raises(ConfigError, match=message):
        read_label_map("x", table, CAMVID, None)


def test_without_a_table_ids_are_those_of_the_label_space_and_255_is_void():
    encoding, label_map = read_label_map("x", {}, CAMVID, None)
    assert encoding == "index"
    assert label_map(np.array([[0, 10, 255]], np.uint8)).tolist() == [[0, 10, VOID]]


def test_each_role_of_a_table():
    table = {"known": {"7": 0, 300: 3}, "unknown": [8], "void": [0], "unlisted": "void"}
    _, label_map = read_label_map("x", table, CAMVID, None)
    assert label_map(np.array([[7, 300, 8, 0, 9]], np.uint16)).tolist() == [[0, 3, UNKNOWN, VOID, VOID]]


def test_unlisted_of_the_options_overrides_the_tables():
    _, label_map = read_label_map("x", {"unlisted": "error"}, CAMVID, "void")
    assert label_map(np.array([[77]], np.uint8)).tolist() == [[VOID]]


def test_colors_are_those_of_the_palette():
    encoding, label_map = read_label_map("x", {"encoding": "color"}, CAMVID, None)
    assert encoding == "color"
    assert label_map(np.array([CAMVID.palette[3:5]], np.uint8)).tolist() == [[3, 4]]

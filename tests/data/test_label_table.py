"""The table `label_map`: which ids and colors become what, however it is written, and one line for what is wrong."""

import tomllib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from reliseg.config.schema import parse_config
from reliseg.config.yaml_files import parse_yaml
from reliseg.data.label_table import read_label_map
from reliseg.errors import ConfigError
from reliseg.labels import UNKNOWN, VOID, label_space

CAMVID = label_space("camvid")


def in_toml(text: str) -> Any:
    return tomllib.loads(text)


def in_yaml(text: str) -> Any:
    config = parse_config(
        {
            "models": [{"name": "m", "kind": "stored", "where": "x"}],
            "datasets": [{"name": "d", "spec": "camvid", "root": "x", "label_map": parse_yaml(text)}],
        }
    )
    return config.datasets[0].label_map


def in_python(table: Any) -> Any:
    return table


WRONG: list[tuple[Callable[[Any], Any], Any, str]] = [
    (in_python, {"kown": {}}, "unknown key 'kown'; did you mean 'known'"),
    (in_python, {"encoding": "colour"}, "unknown encoding 'colour'; did you mean 'color'"),
    (in_python, {"unlisted": "ignore"}, "unlisted is 'error' or 'void', not 'ignore'"),
    (in_python, {"encoding": "color", "known": {0: 0}}, "known has no meaning with encoding color"),
    (in_python, {"known": {0: 11}}, "0 = 11, but camvid has the ids 0 to 10"),
    (in_python, {"known": "same"}, "known is 'identity' or a table of raw id = id, not 'same'"),
    (in_python, {"known": [0, 1]}, "known is 'identity' or a table"),
    (in_python, {"known": {0: 0}, "void": [0]}, "raw id 0 is listed twice, once as known"),
    (in_python, {"void": [-1]}, "raw id -1 (void) is not in 0 to 65535"),
    (in_python, {"void": [10**30]}, "raw id 1000000000000000000000000000000 (void) is not in 0 to 65535"),
    (in_python, {"void": [0.0]}, "void holds a list of whole numbers, and 0.0 is none; write its decimal digits"),
    (in_python, {"void": [True]}, "and True is none"),
    (in_python, {"void": [np.bool_(True)]}, "True"),
    (in_python, {"void": [None]}, "and None is none"),
    (in_python, {"void": b"01"}, "not b'01'"),
    (in_python, {"void": {1: 2}}, "void holds a list of whole numbers, like [0, 255], not {1: 2}"),
    (in_python, {"void": [[0, 255]]}, "and [0, 255] is none"),
    (in_python, {"void": np.zeros((2, 2), int)}, "not of lists; write them flat"),
    (in_python, {"known": {0: 0, "00": 1}}, "known: raw id 0 is listed twice; list it once"),
    (in_python, {"known": {0: True}}, "and True is none"),
    (in_python, [0, 1], "give keys with values, not [0, 1]; keys: encoding, known, unknown, void, unlisted"),
    (in_python, "identity", "give keys with values, not 'identity'"),
    *((read, f"{{unknown: {text}}}", message) for read, text, message in [
        (in_yaml, "'12'", "unknown holds a list of whole numbers, like [0, 255], not '12'"),
        (in_yaml, "12", "unknown holds a list of whole numbers, like [0, 255], not 12"),
        (in_yaml, "0-6", "unknown holds a list of whole numbers, like [0, 255], not '0-6'"),
        (in_yaml, "{1: 2}", "unknown holds a list of whole numbers, like [0, 255], not {'1': 2}"),
        (in_yaml, "", "unknown holds a list of whole numbers, like [0, 255], not ''"),
        (in_yaml, "null", "unknown holds a list of whole numbers, like [0, 255], not 'null'"),
        (in_yaml, "[1_0]", "and '1_0' is none; write its decimal digits"),
        (in_yaml, "[' 7']", "and ' 7' is none"),
        (in_yaml, "[+7]", "and '+7' is none"),
        (in_yaml, "[7.0]", "and '7.0' is none"),
        (in_yaml, "[0x10]", "and '0x10' is none"),
        (in_yaml, "[1e1]", "and '1e1' is none"),
        (in_yaml, "['\uff17']", "is none"),
        (in_yaml, "['\u0667']", "is none"),
        (in_yaml, "[true]", "and 'true' is none"),
        (in_yaml, "[~]", "and '~' is none"),
        (in_yaml, "[1-3]", "and '1-3' is none"),
        (in_yaml, "['1,2']", "and '1,2' is none"),
        (in_yaml, f"[{'9' * 5000}]", "and '999"),
        (in_yaml, "[7, 007]", "unknown: raw id 7 is listed twice; list it once"),
        (in_yaml, "[7, '7']", "unknown: raw id 7 is listed twice; list it once"),
        (in_yaml, "[255]", "raw id 255 is listed twice, once as unknown; list it once"),
    ]),
    (in_yaml, "{known: {0: 0, 00: 1}, void: []}", "known: raw id 0 is listed twice; list it once"),
    (in_yaml, "{known: {1_0: 0}}", "and '1_0' is none"),
    (in_yaml, "{known: {0: 1_0}}", "and '1_0' is none"),
    (in_yaml, "{known: ~}", "known is 'identity' or a table of raw id = id, not '~'"),
    (in_toml, "known = { 0 = 0, 00 = 1 }", "known: raw id 0 is listed twice; list it once"),
    (in_toml, "known = { 1_0 = 0 }", "and '1_0' is none"),
    (in_toml, "known = { 0x10 = 0 }", "and '0x10' is none"),
    (in_toml, 'known = { " 7" = 0 }', "and ' 7' is none"),
    (in_toml, 'unknown = "12"', "unknown holds a list of whole numbers, like [0, 255], not '12'"),
    (in_toml, "unknown = 12", "not 12"),
    (in_toml, "unknown = [7.0]", "and 7.0 is none"),
    (in_toml, "unknown = [true]", "and True is none"),
    (in_toml, "unknown = [2024-01-01]", "is none"),
]  # fmt: skip


@pytest.mark.parametrize(("read", "table", "message"), WRONG, ids=range(len(WRONG)))
def test_what_is_no_label_map_is_one_line(read, table, message):
    with pytest.raises(ConfigError) as refusal:
        read_label_map("x", read(table), CAMVID, None)
    assert message in str(refusal.value)
    assert str(refusal.value).startswith(
        "x: label_map: " if "label map:" not in str(refusal.value) else "x: label map: "
    )
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 250


def test_without_a_table_ids_are_those_of_the_label_space_and_255_is_void():
    encoding, label_map = read_label_map("x", {}, CAMVID, None)
    assert encoding == "index"
    assert label_map(np.array([[0, 10, 255]], np.uint8)).tolist() == [[0, 10, VOID]]


ROLES = {
    "python": (in_python, {"known": {"7": 0, 300: 3}, "unknown": (8,), "void": {0}, "unlisted": "void"}),
    "numpy": (
        in_python,
        {"known": {np.int64(7): np.uint8(0), 300: 3}, "unknown": np.array([8]), "void": range(1), "unlisted": "void"},
    ),
    "yaml": (in_yaml, "{known: {7: 0, 300: 3}, unknown: [8], void: [0], unlisted: void}"),
    "yaml with zeros": (in_yaml, "{known: {'7': '0', 0300: 03}, unknown: ['008'], void: [00], unlisted: void}"),
    "toml": (in_toml, 'known = { 7 = 0, 300 = 3 }\nunknown = [8]\nvoid = [0]\nunlisted = "void"'),
}  # fmt: skip


@pytest.mark.parametrize("name", ROLES)
def test_each_role_of_a_table_however_it_is_written(name):
    read, table = ROLES[name]
    _, label_map = read_label_map("x", read(table), CAMVID, None)
    assert label_map(np.array([[7, 300, 8, 0, 9]], np.uint16)).tolist() == [[0, 3, UNKNOWN, VOID, VOID]]


def test_unlisted_of_the_options_overrides_the_tables():
    _, label_map = read_label_map("x", {"unlisted": "error"}, CAMVID, "void")
    assert label_map(np.array([[77]], np.uint8)).tolist() == [[VOID]]


def test_colors_that_nobody_wrote_are_none_of_a_mask(tmp_path):
    (tmp_path / "mine.toml").write_text(text := 'classes = ["background", "plane"]\n')
    table = {"encoding": "color", "void": [[0, 0, 0]]}
    with pytest.raises(
        ConfigError, match=r"^x: label_map: encoding color needs the colors of the classes, and mine ha"
    ):
        read_label_map("x", table, label_space(str(tmp_path / "mine.toml")), None)
    (tmp_path / "mine.toml").write_text(f"{text}palette = [[128, 0, 0], [0, 128, 0]]\n")  # though it is as if left out
    _, label_map = read_label_map("x", table, label_space(str(tmp_path / "mine.toml")), None)
    assert label_map(np.array([[[0, 128, 0], [0, 0, 0]]], np.uint8)).tolist() == [[1, VOID]]


COLORS = {
    "python": (in_python, {"encoding": "color", "void": [(0, 0, 0)], "unknown": np.array([[1, 2, 3], [4, 5, 6]])}),
    "yaml": (in_yaml, "{encoding: color, void: [[0, 0, 0]], unknown: [[1, 2, 3], [4, 5, 6]]}"),
    "toml": (in_toml, 'encoding = "color"\nvoid = [[0, 0, 0]]\nunknown = [[1, 2, 3], [4, 5, 6]]'),
}


@pytest.mark.parametrize("name", COLORS)
def test_colors_are_those_of_the_palette_and_of_void_and_unknown(name):
    read, table = COLORS[name]
    encoding, label_map = read_label_map("x", read(table), CAMVID, None)
    assert encoding == "color"
    pixels = np.array([[*CAMVID.palette[3:5], (0, 0, 0), (1, 2, 3), (4, 5, 6)]], np.uint8)
    assert label_map(pixels).tolist() == [[3, 4, VOID, UNKNOWN, UNKNOWN]]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"void": [0, 0, 0]}, "void holds a list of colors, like [[0, 0, 0]], with encoding color, and 0 is none"),
        ({"void": "black"}, "void holds a list of colors, like [[0, 0, 0]], with encoding color, not 'black'"),
        ({"void": [[0, 0]]}, "and [0, 0] is none; write [red, green, blue]"),
        ({"void": ["#000"]}, "and '#000' is none"),
        ({"void": ["000"]}, "and '000' is none"),
        ({"void": [[0, 0, 256]]}, "void: a color's red, green and blue are 0 to 255, not [0, 0, 256]"),
        ({"void": [[0, 0, "0x1"]]}, "'0x1' is none; write its decimal digits"),
        ({"void": [[0, 0, 0], [0, 0, "00"]]}, "void: color (0, 0, 0) is listed twice; list it once"),
        ({"void": [[0, 0, 0]], "unknown": [[0, 0, 0]]}, "color (0, 0, 0) is that of unknown, and listed as void"),
        ({"unknown": [CAMVID.palette[3]]}, f"is that of {CAMVID.classes[3]}, and listed as unknown; list it once"),
    ],
)
def test_each_color_stands_once(keys, message):
    with pytest.raises(ConfigError) as refusal:
        read_label_map("x", {"encoding": "color"} | keys, CAMVID, None)
    assert str(refusal.value).startswith("x: label_map: ")
    assert message in str(refusal.value)

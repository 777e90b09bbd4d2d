"""Names and paths that any section may hold."""

import pytest
from helpers.configurations import DATA, LEAST, MODEL, refusal_of

from reliseg.config.schema import parse_config
from reliseg.config.sections import plain_name


@pytest.mark.parametrize("name", ["a", "a-b_c.d+1", "0016"])
def test_a_plain_name_is_given_back(name):
    assert plain_name(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "a:b"])
def test_a_name_that_is_no_folder_everywhere_is_refused(name):
    with pytest.raises(ValueError, match="is not a plain name"):
        plain_name(name)


SHORT = {letter: f"'{letter * 57}...'" for letter in "nülws"}
"""Long names as messages show them."""
UNFIT = [
    ("models", MODEL, "name", "n" * 256, f"{SHORT['n']} has 256 bytes, and the limit is 255"),
    ("models", MODEL, "name", "ü" * 128, f"{SHORT['ü']} has 256 bytes, and the limit is 255"),
    ("models", MODEL, "name", ".net", "'.net' is not a plain name; use letters, digits and . _ + -, and do not begin"),
    ("models", MODEL, "where", "a/" + "w" * 256, f"{SHORT['w']} has 256 bytes, and the limit is 255; correct it"),
    ("models", MODEL, "weights", "a/" * 2100, "a path of 4200 bytes, and the limit is 4095; shorten it"),
    ("datasets", DATA, "root", "~nobody_of_this_name/x", "no home folder is known for '~nobody_of_this_name/x'"),
    ("datasets", DATA, "spec", "s" * 300, f"{SHORT['s']} has 300 bytes, and the limit is 255; correct it"),
    ("calibration", {}, "load", "l" * 256, f"{SHORT['l']} has 256 bytes, and the limit is 255; correct it"),
]


@pytest.mark.parametrize(("part", "section", "key", "value", "line"), UNFIT)
def test_names_and_paths_that_no_file_can_have_are_refused(part, section, key, value, line):
    text = refusal_of(LEAST | {part: [section | {key: value}]})
    assert text.startswith(f"file: {part}.0.{key}: {line}")


def test_names_and_paths_up_to_the_limit_are_taken():
    config = parse_config(LEAST | {"models": [MODEL | {"name": "n" * 255, "where": "a/" * 2000 + "w" * 90}]})
    assert len(config.models[0].name) == 255

"""The reader and the writer of YAML: version 1.2's words and numbers, and what is wrong in one line."""

import math

import pytest
import yaml

from reliseg.config.yaml_files import parse_value, parse_yaml, read_yaml, render_yaml
from reliseg.errors import ConfigError

VALUES = {
    "on": "on",
    "No": "No",
    "yes": "yes",
    "true": True,
    "False": False,
    "null": None,
    "~": None,
    "": None,
    "16": 16,
    "-3": -3,
    "0016": 16,
    "0x10": "0x10",
    "1_000": "1_000",
    "12:30:00": "12:30:00",
    "2026-01-02": "2026-01-02",
    "0.5": 0.5,
    "1e5": 1e5,
    "-.inf": -math.inf,
    "=": "=",
    "'16'": "16",
    "[1, on, 0007]": [1, "on", 7],
    "{a: 1, b: off}": {"a": 1, "b": "off"},
}


@pytest.mark.parametrize("text", VALUES)
def test_words_and_numbers_are_those_of_yaml_1_2(text):
    value = parse_yaml(text)
    assert value == VALUES[text]
    assert type(value) is type(VALUES[text])


@pytest.mark.parametrize("text", [*VALUES, "a: b", "# no comment", " a ", "ä"])
def test_strings_are_written_so_that_both_versions_read_them_back(text):
    content = {"key": text, "list": [text]}
    assert parse_yaml(render_yaml(content)) == content
    assert yaml.safe_load(render_yaml(content)) == content


def test_values_are_written_so_that_they_are_read_back_in_their_order():
    content = {"b": 1e-7, "a": [None, True, 3, 1e5, 0.1], "c": {"z": math.inf, "y": []}}
    assert parse_yaml(render_yaml(content)) == content
    assert list(parse_yaml(render_yaml(content))) == ["b", "a", "c"]


def test_a_key_that_stands_twice_is_refused():
    with pytest.raises(yaml.YAMLError, match="'a' is given twice"):
        parse_yaml("a: 1\nb: 2\na: 3")


def test_an_option_that_is_no_yaml_is_one_line():
    with pytest.raises(ConfigError) as refusal:
        parse_value("[1, 2", where="--model: args")
    assert str(refusal.value).startswith("--model: args: '[1, 2' is not valid YAML: ")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"models:\n- [}", "not valid YAML: line 2: "),
        (b"- a\n- b", "not a configuration"),
        (b"", "not a configuration"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_a_file_that_is_no_configuration_is_named(tmp_path, text, message):
    path = tmp_path / "run.yaml"
    path.write_bytes(text)
    with pytest.raises(ConfigError, match=message) as refusal:
        read_yaml(path)
    assert str(path) in str(refusal.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        read_yaml(tmp_path / "run.yaml")

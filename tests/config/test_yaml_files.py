"""The reader and the writer of YAML: all scalars as text, and what is wrong is one line with its number, in moments."""

import math
import os
import time
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reliseg.config import yaml_files
from reliseg.config.scalars import Plain, read_as
from reliseg.config.yaml_files import SIZE_LIMIT, parse_value, parse_yaml, read_yaml, render_yaml
from reliseg.errors import ConfigError
from reliseg.runtime.text_files import UnreadableTextError

WORDS = [
    "on",
    "No",
    "true",
    "null",
    "~",
    "16",
    "+1",
    "0016",
    "0016E5",
    "0x1F",
    "1_0",
    "1:30",
    "2026-01-02",
    "-.inf",
    "=",
]


@pytest.mark.parametrize("text", WORDS)
def test_a_scalar_is_the_text_that_stands_in_the_file(text):
    assert parse_yaml(text) == text
    assert isinstance(parse_yaml(text), Plain)
    for quoted in (f"'{text}'", f'"{text}"', f"!!str {text}", f"|-\n  {text}"):
        assert parse_yaml(quoted) == text
        assert type(parse_yaml(quoted)) is str
    assert parse_yaml(f"{{{text}: [{text}]}}") == {text: [text]}


def test_lists_and_keys_are_those_of_the_file():
    text = "a: [1, [], {}]\nb:\n- c: x  # why\n  d: |\n    two\n    lines\n- e\n? f\n: g\n"
    assert parse_yaml(text) == {"a": ["1", [], {}], "b": [{"c": "x", "d": "two\nlines\n"}, "e"], "f": "g"}
    assert parse_yaml("") == parse_yaml("# nothing") == ""


def test_an_alias_repeats_what_its_anchor_names():
    text = "a: &x [1, &y z]\nb: *x\nc: [*y, *x]\n&k d: {e: *k}"
    assert parse_yaml(text) == {"a": ["1", "z"], "b": ["1", "z"], "c": ["z", ["1", "z"]], "d": {"e": "d"}}


def laughs(levels: int) -> str:
    rows = ["l0: &l0 [ha]", *(f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]" for i in range(1, levels))]
    return "\n".join(rows)


BROKEN = {
    "a key twice": ("a: 1\nb: 2\na: 3", "line 3: key 'a' is given twice, first in line 1; remove one"),
    "a key twice, once in quotes": ("a: 1\n'a': 3", "line 2: key 'a' is given twice"),
    "a bracket left open": ("a: 1\nb: [1, 2", "line 2: "),
    "a quote left open": ('a: 1\nb: "', "line 2: "),
    "a tab": ("a:\n\tb: 1", "line 2: found character that cannot start any token; a tab stands there: indent with"),
    "two values": ("a: b: c", "line 1: mapping values are not allowed in this context"),
    "a tag of Python": (
        "a: 1\nb: !!python/object/apply:os.system [ls]",
        "line 2: the tag '!!python/object/apply:os.syst",
    ),
    "a tag of one's own": ("a: !mine x", "line 1: the tag '!mine' has no meaning here; write the value without it"),
    "a tag of a mapping": ("a: !!set {x}", "line 1: the tag '!!set' has no meaning here"),
    "a number by its tag": ("a: !!int 3", "line 1: the tag '!!int' has no meaning here; write the value without it"),
    "an alias without an anchor": ("a: *b", "line 1: *b has no &b before it; correct the name"),
    "an anchor in itself": ("a: &x\n- 1\n- [*x]", "line 3: &x contains itself; write its values out"),
    "a merge key": (
        "a: &x {b: 1}\nc:\n  <<: *x",
        "line 3: merge keys (<<) are no part of YAML 1.2; write the keys out",
    ),
    "two documents": ("a: 1\n---\na: 2", "line 2: a second document begins; give one"),
    "a list as a key": ("? [a]\n: b", "line 1: a list or mapping stands in the place of a key; a key is a word"),
    "a long key": ("? " + "x" * 2000 + "\n: b", "line 1: a key of more than 1000 letters; shorten it"),
    "NUL": ("a: 1\nb: x\0y", "line 2: the character U+0000 has no place in a text; remove it"),
    "an escape sequence": ("a: \x1b[31m", "line 1: the character U+001B has no place in a text; remove it"),
    "half a character": ("a: \udce9", "line 1: the character U+DCE9 has no place in a text; remove it"),
    "an escape of no character": ('a: 1\nb: "\\U99999999"', "line 2: "),
    "deep lists": ("a:\n " + "[" * 100_000, "line 2: lists and keys nested more than 50 deep; write them flat"),
    "deep lists over lines": ("[\n" * 100_000, "line 51: lists and keys nested more than 50 deep"),
    "deep keys": ("\n".join(f"{' ' * i}a:" for i in range(1000)), "line 51: lists and keys nested more than 50 deep"),
    "deep keys in a line": ("{a: " * 50_000, "line 1: lists and keys nested more than 50 deep"),
    "deep aliases": (
        "a: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 99)),
        "line 50: lists and",
    ),
    "a billion laughs": (laughs(10), "line 7: more than 250000 values, with those that aliases repeat; write fewer"),
    "too many values": ("[" + "1,\n" * 600_000 + "]", "line 250000: more than 250000 values"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_yaml_is_one_line_with_its_number_within_two_seconds(name):
    text, line = BROKEN[name]
    began = time.process_time()
    with pytest.raises(UnreadableTextError) as refusal:
        parse_yaml(text)
    assert time.process_time() - began < 2
    assert str(refusal.value).startswith(line)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize("name", [name for name in BROKEN if "deep lists" not in name and "too many" not in name])
def test_the_parser_without_c_refuses_the_same_in_the_same_line(name, monkeypatch):
    text, line = BROKEN[name]
    monkeypatch.setattr(yaml_files, "_Loader", yaml.SafeLoader)
    with pytest.raises(UnreadableTextError) as refusal:
        parse_yaml(text)
    assert str(refusal.value).partition(":")[0] == line.partition(":")[0]
    assert "\n" not in str(refusal.value)


@given(st.text(alphabet=st.sampled_from("ab01 :-,[]{}'\"#&*!|>%@?\n\t\\~"), max_size=20))
def test_no_text_has_another_end_than_a_value_or_one_line(text):
    try:
        value, problem = parse_yaml(text), ""
    except UnreadableTextError as error:
        value, problem = None, str(error)
    assert isinstance(value, str | list | dict) or problem.startswith("line ")
    assert "\n" not in problem


def test_a_hundred_thousand_entries_are_read_and_written_in_moments():
    began = time.process_time()
    content = parse_yaml("samples:\n" + "".join(f"- scene/{i:07}\n" for i in range(100_000)))
    assert len(content["samples"]) == 100_000
    assert len(parse_yaml("".join(f"key{i}: {i}\n" for i in range(100_000)))) == 100_000
    assert len(render_yaml(content)) > 1_000_000
    assert time.process_time() - began < 4


VALUES = [None, True, False, 3, -1, 10**30, 0.1, 1e-7, 1e300, math.inf, -math.inf, [], {}, "x"]
LEAVES = st.sampled_from(VALUES) | st.integers() | st.floats(allow_nan=False) | st.text() | st.sampled_from(WORDS)
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=30), inner, max_size=4)
)


@given(st.dictionaries(st.text(max_size=5), TREES, max_size=4))
def test_values_are_written_so_that_they_are_read_back_in_their_order(content):
    if "\0" in repr(content) or "\\x00" in repr(content) or "\\ud" in repr(content):
        return  # no configuration holds these
    text = render_yaml(content)
    again = {str(key): read_as(value, Any) for key, value in parse_yaml(text).items()}
    assert again == content
    assert list(again) == list(content)


@pytest.mark.parametrize(
    "text", [*WORDS, "a: b", "# no comment", " a ", "ä", "a\nb", "a\x85b", "'", '"', "\U0001f600", "y"]
)
def test_strings_are_written_so_that_version_1_1_reads_them_too(text):
    content = {"key": text, "list": [text], "in": {text: 1}}
    assert yaml.safe_load(render_yaml(content)) == content


def test_what_is_written_is_easy_to_read():
    content = {"models": [{"name": "net", "where": "/a/net.py:build", "on": ["0016"]}], "test": {"on": None}, "x": []}
    assert render_yaml(content) == (
        "models:\n- name: net\n  where: /a/net.py:build\n  'on':\n  - '0016'\ntest:\n  'on': null\nx: []\n"
    )


def test_a_key_that_no_reader_takes_is_refused():
    with pytest.raises(ConfigError, match="has more than 1000 letters; shorten it"):
        render_yaml({"x" * 1001: 1})


@pytest.mark.parametrize("text", ["a #b", "#b", "a 'b'", "0016E5", "", "  x ", "~/a b.pth", "C:\\a"])
def test_a_value_of_the_command_line_without_brackets_is_the_whole_text(text):
    assert parse_value(text, where="--model: weights") == text.strip()


def test_a_value_in_brackets_or_quotes_is_yaml():
    assert parse_value("[1, 'a, b']", where="x") == ["1", "a, b"]
    assert parse_value("'#b'", where="x") == "#b"


@pytest.mark.parametrize("text", ["[1, 2", '"', "a: b: c", "!x 1", "{a: 1, a: 2}", "[" * 5000, "[a]]", "\udce9"])
def test_an_option_that_is_no_yaml_is_one_line(text):
    with pytest.raises(ConfigError) as refusal:
        parse_value(text, where="--model: args")
    assert str(refusal.value).startswith("--model: args: ")
    assert "is not valid YAML: line 1: " in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 250


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"models:\n- [}", "not valid YAML: line 2: "),
        (b"- a\n- b", "not a configuration"),
        (b"", "not a configuration"),
        (b"a: 1\nb: \xe9", "line 2: the byte 0xe9 is not UTF-8; save the file as UTF-8"),
        (b"\xff\xfe\x00", "line 1: the byte 0x00 is not UTF-16; save the file as UTF-8"),
        (b"#" * (SIZE_LIMIT + 1), "cannot be read .*the limit is 8.0 MB.*; give the path of a YAML file"),
    ],
)
def test_a_file_that_is_no_configuration_is_named(tmp_path, text, message):
    path = tmp_path / "run.yaml"
    path.write_bytes(text)
    with pytest.raises(ConfigError, match=message) as refusal:
        read_yaml(path)
    assert str(path) in str(refusal.value)


@pytest.mark.parametrize("way", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_is_read_whichever_way_an_editor_saved_it(tmp_path, way):
    (tmp_path / "run.yaml").write_bytes("name: Wüste\r\nseed: 0016\r\n".encode(way))
    assert read_yaml(tmp_path / "run.yaml") == {"name": "Wüste", "seed": "0016"}


def test_what_is_no_file_is_named_and_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, reason in (("none", "no such file"), ("pipe", "a pipe"), (".", "a folder")):
        with pytest.raises(ConfigError, match=rf"cannot be read \(.*{reason}.*\); give the path of a YAML file"):
            read_yaml(tmp_path / name)

"""The one reader of TOML: what is wrong is one line with file and line number, within moments."""

import os
import re
import time

import pytest

from reliseg.errors import ConfigError
from reliseg.runtime.text_files import UnreadableTextError
from reliseg.runtime.toml_files import SIZE_LIMIT, parse_toml, read_toml

DIGITS = "9" * 5000
BROKEN = {
    "nothing after the equals sign": ("a = 1\nb = \n", "line 2: not valid TOML: Invalid value"),
    "a quote that is left open": ('a = 1\nb = "x', "line 2: not valid TOML: "),
    "an array that is left open": ("a = [1,\n2", "line 2: not valid TOML: "),
    "a key twice": ("a = 1\na = 2", "line 2: not valid TOML: Cannot overwrite a value"),
    "a table twice": ("[a]\n[a]", "line 2: not valid TOML: "),
    "a number of 5,000 digits": (f"a = 1\nb = {DIGITS}", "line 2: not a value: exceeds the limit"),
    "a number of 5,000 hexadecimal digits": (f"a = 1\nb = 0x{DIGITS}", "line 2: a number of more than 64 bits"),
    "a number of 30 digits": (f"a = 1\nb = [{DIGITS[:30]}]", "line 2: a number of more than 64 bits"),
    "brackets nested deeply": ("a = 1\nb = " + "[" * 5000, "line 2: nested more than 40 deep"),
    "brackets nested rather deeply": ("a = 1\nb = " + "[" * 99 + "]" * 99, "line 2: nested more than 40 deep"),
    "tables nested deeply": ("\n\na = " + "{a=" * 5000 + "1" + "}" * 5000, "line 3: nested more than 40 deep"),
    "a key of many parts": ("\n" + ".".join("a" * 5000) + " = 1", "line 2: nested more than 40 deep"),
    "a table of many parts": ("\n[" + ".".join("a" * 5000) + "]", "line 2: nested more than 40 deep"),
    "a day that no calendar has": ("a = 2024-02-31", "line 1: "),
    "YAML": ("a: 1", "line 1: not valid TOML: "),
    "NUL": ("a = 1\nb = '\0'", "line 2: the character U+0000 has no place in a text"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_toml_is_one_line_with_file_and_line_within_two_seconds(tmp_path, name):
    text, message = BROKEN[name]
    path = tmp_path / "mine.toml"
    path.write_text(text)
    began = time.process_time()
    with pytest.raises(ConfigError, match=f"^data set spec {re.escape(str(path))}: {re.escape(message)}") as refusal:
        read_toml(path, "data set spec")
    assert time.process_time() - began < 2
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 300 + len(str(path))


def test_bytes_that_are_no_text_are_named_with_their_line(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes('a = 1\nb = "Wüste"'.encode("latin-1"))
    with pytest.raises(ConfigError, match="line 2: the byte 0xfc is not UTF-8; save the file as UTF-8"):
        read_toml(path, "label space file")


@pytest.mark.parametrize("way", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_is_read_whichever_way_an_editor_saved_it(tmp_path, way):
    path = tmp_path / "mine.toml"
    path.write_bytes('a = "Wüste"\r\nb = [0x1F, -9_223]\r\n'.encode(way))
    assert read_toml(path, "x") == {"a": "Wüste", "b": [31, -9223]}


def unfit(tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "large.toml").write_text("# " + "x" * SIZE_LIMIT)
    return {"pipe.toml": "a pipe", "folder.toml": "a folder", "large.toml": "the limit is", "none.toml": "no such file"}


def test_what_is_no_file_or_too_large_is_one_line(tmp_path):
    for name, message in unfit(tmp_path).items():
        with pytest.raises(
            ConfigError, match=rf"^spec .*{name}: cannot be read \(.*{message}.*; give the path of a TOML"
        ):
            read_toml(tmp_path / name, "spec")


def test_many_entries_are_read_within_two_seconds():
    began = time.process_time()
    table = parse_toml("exclude = [" + ",\n".join(f'"scene/{i:07}"' for i in range(20_000)) + "]")
    assert len(table["exclude"]) == 20_000
    assert time.process_time() - began < 2


def test_a_text_that_is_no_toml_has_its_own_error():
    with pytest.raises(UnreadableTextError, match=r"^line 1: "):
        parse_toml("=")

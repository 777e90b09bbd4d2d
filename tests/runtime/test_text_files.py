"""Text from outside: every way in which editors save it is read; what is no text is one line with its number."""

import re

import pytest

from reliseg.runtime.text_files import UnreadableTextError, check_characters, decode_text, line_of, quoted, read_text

WAYS = ["utf-8", "utf-8-sig", "utf-16"]


@pytest.mark.parametrize("way", WAYS)
def test_a_text_is_read_whichever_way_an_editor_saved_it(tmp_path, way):
    path = tmp_path / "a.txt"
    path.write_bytes("name: Wüste\r\n日本\U0001f600\n".encode(way))
    assert read_text(path, 1000) == "name: Wüste\r\n日本\U0001f600\n"


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ("a\nWüste".encode("latin-1"), "line 2: the byte 0xfc is not UTF-8; save the file as UTF-8"),
        (b"\xff\xfea\x00\n\x00b", "line 2: the byte 0x62 is not UTF-16; save the file as UTF-8"),
        (b"a\n\nb\x00", "line 3: the character U+0000 has no place in a text; remove it"),
        (b"\x1b[31m", "line 1: the character U+001B has no place in a text; remove it"),
        ("a".encode("utf-16-le"), "line 1: the character U+0000 has no place in a text; remove it"),
        (b"\xed\xa0\x80", "line 1: the byte 0xed is not UTF-8; save the file as UTF-8"),
    ],
)
def test_bytes_that_are_no_text_are_one_line_with_its_number(data, line):
    with pytest.raises(UnreadableTextError, match=f"^{re.escape(line)}$"):
        decode_text(data)


def test_a_file_above_its_limit_is_not_read(tmp_path):
    (tmp_path / "a").write_text("12345")
    assert read_text(tmp_path / "a", 5) == "12345"
    with pytest.raises(OSError, match="limit is 4 bytes"):
        read_text(tmp_path / "a", 4)


def test_tabs_and_line_ends_are_text():
    check_characters("a\tb\r\nc")
    with pytest.raises(UnreadableTextError, match="line 2: the character U\\+FFFF"):
        check_characters("a\n\uffff")


def test_lines_are_counted_from_one():
    assert [line_of("a\nb\nc", i) for i in range(5)] == [1, 1, 2, 2, 3]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "'a'"),
        (5, "5"),
        (None, "None"),
        ([1, "a"], "[1, 'a']"),
        ("x" * 100, f"'{'x' * 57}...'"),
        (10**5000, "a number of about 4983 digits"),
        ([10**5000], "a list"),
    ],
    ids=["word", "number", "nothing", "list", "long word", "huge number", "list of a huge number"],
)
def test_values_in_messages_are_short(value, text):
    assert quoted(value) == text

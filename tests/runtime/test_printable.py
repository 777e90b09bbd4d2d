"""Text from outside reaches a terminal on one line, and tells it nothing but letters."""

import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliseg.runtime.printable import printable, replace_unprintable

FORGED = {
    "color": ("a\x1b[31mb", r"a\x1b[31mb"),
    "title of the window": ("\x1b]0;x\x07", r"\x1b]0;x\x07"),
    "8-bit escape": ("\x9b31m", r"\x9b31m"),
    "new line": ("a\nreliseg: done", r"a\nreliseg: done"),
    "return": ("a\rb", r"a\rb"),
    "tab": ("a\tb", r"a\tb"),
    "delete": ("\x7f", r"\x7f"),
    "null": ("\0", r"\x00"),
    "separator of lines": ("a\u2028b\u2029", r"a\u2028b\u2029"),
    "direction of writing": ("gpj.\u202eexe", r"gpj.\u202eexe"),
    "isolated direction": ("\u2066a\u2069", r"\u2066a\u2069"),
    "no width": ("a\u200bb\u200dc\ufeff", r"a\u200bb\u200dc\ufeff"),
    "hidden letters": ("\U000e0041", r"\U000e0041"),
    "a byte that is no text": ("\udce9.png", r"\xe9.png"),
}


@pytest.mark.parametrize("name", FORGED)
def test_what_a_terminal_obeys_or_hides_is_shown(name):
    text, shown = FORGED[name]
    assert printable(text) == shown


def test_letters_of_all_languages_marks_spaces_and_backslashes_stay():
    for text in (
        "",
        "a b",
        "Straße",
        "e\u0301",
        "道路",
        "עיר",
        "🚗",
        "C:\\data\\new",
        "a\u00a0b",
        "[bold]x[/]",
        ":car:",
    ):
        assert printable(text) == text


@given(st.text(st.characters(codec=None, categories=None)))
def test_any_text_becomes_one_line_that_can_be_written_and_nothing_of_it_changes_twice(text):
    shown = printable(text)
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in shown)
    assert shown.splitlines() in ([shown], [])
    shown.encode()
    assert printable(shown) == shown


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_a_stream_replaces_what_its_encoding_lacks(encoding):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors="strict")
    replace_unprintable(stream)
    stream.write("道 é")
    stream.flush()
    assert raw.getvalue() == "道 é".encode(encoding, "backslashreplace")
    replace_unprintable(None)  # a process without an output

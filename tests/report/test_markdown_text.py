"""Text from outside stays text in Markdown."""

import html
import re

import pytest
from helpers.result_rows import HOSTILE

from reliseg.report.markdown_text import code_text, sentence_text
from reliseg.runtime.printable import printable


def as_read(code: str) -> str:
    """Return what a reader sees of a span of code."""
    if code.startswith("<code>"):
        return html.unescape(code.removeprefix("<code>").removesuffix("</code>"))
    return code.removeprefix("`").removesuffix("`")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_seen_as_it_is_and_ends_no_cell(name):
    code = code_text(name)
    assert as_read(code) == printable(name)
    assert "|" not in code
    assert "\n" not in code
    inside = code.removeprefix("<code>").removesuffix("</code>")
    if code.startswith("<code>"):
        assert re.fullmatch(r"([^ -/:-@\[-`{-~]|&#\d+;)*", inside)
    else:
        assert code == "" or (code[0] == code[-1] == "`" and code.count("`") == 2)


def test_a_plain_name_is_readable_where_markdown_is_shown_as_text():
    assert code_text("ts(k=2)@camvid/cal") == "`ts(k=2)@camvid/cal`"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_sentence_holds_no_markup(text):
    written = sentence_text(f"no value: {text}")
    assert html.unescape(written) == f"no value: {printable(text)}"
    assert not set(written.replace("&#", "")) & set("<>|`*_[]!@:/\\\n&#")
    assert "www." not in written


def test_a_sentence_keeps_its_numbers_and_stops():
    text = "2.5 % of the units decide this number; 0.1 after 0.2 (exact)."
    assert sentence_text(text) == text

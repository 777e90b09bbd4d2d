"""Errors: one tree, exit codes, and texts of one line."""

import inspect

import pytest

from reliseg import errors
from reliseg.errors import (
    MissingExtraError,
    ReliSegError,
    SampleError,
    UsageError,
    error_text,
    image_size_text,
    one_line,
    shape_text,
    shortlist,
    suggestion,
)

TREE = [e for _, e in inspect.getmembers(errors, inspect.isclass) if e.__module__ == "reliseg.errors"]


@pytest.mark.parametrize("error", TREE)
def test_every_error_is_of_the_one_tree_and_drawn_there(error):
    assert issubclass(error, ReliSegError)
    assert error.exit_code == (2 if issubclass(error, UsageError) else 1)
    assert f"{error.__name__} " in errors.__doc__ or f"{error.__name__}\n" in errors.__doc__


def test_a_missing_extra_says_how_to_install_it():
    assert str(MissingExtraError("altair", "report", "the diagram")) == (
        "the diagram needs altair: pip install 'reliseg[report]'"
    )


def test_the_error_of_a_sample_begins_with_its_id():
    error = SampleError("s1/a", "infinite logits")
    assert (str(error), error.sample, error.problem) == ("s1/a: infinite logits", "s1/a", "infinite logits")


def test_a_suggestion_names_the_nearest_and_then_all():
    assert suggestion("mispelt", ["misspelt", "other"]) == "did you mean 'misspelt'? known: misspelt, other"
    assert suggestion("xyz", {"b", "a"}) == "known: a, b"
    assert suggestion("xyz", []) == "known: none"


def test_the_text_of_an_error_is_one_line_of_at_most_300_characters():
    assert one_line(ValueError("a\n  b\t c")) == "a b c"
    assert one_line(ValueError("x" * 300)) == "x" * 300
    assert one_line(ValueError("x" * 301)) == "x" * 297 + "..."


def test_a_shortlist_counts_the_others():
    assert shortlist(["a", "b", "c"]) == "a, b, c"
    assert shortlist(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
    assert shortlist(["a", "b", "c"], 2, separator="; ") == "a; b; and 1 more"
    assert shortlist([]) == ""


def test_a_word_that_fills_the_screen_is_shortened():
    error = UsageError(f"unknown key {'9' * 5000!r}; known: image")
    assert str(error) == f"unknown key '{'9' * 199}...{'9' * 48}'; (5003 characters) known: image"
    assert str(UsageError("x" * 999)) == "x" * 999


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ((), "a single number"),
        ((19,), "19"),
        ((19, 45, 60), "19 x 45 x 60"),
        ((1,) * 70, "1 x 1 x 1 x 1 x 1 x 1 x 1 x 1 x .."),
    ],
)
def test_a_shape_is_written_with_at_most_eight_sides(shape: tuple[int, ...], text: str) -> None:
    assert shape_text(shape) == text


def test_the_size_of_an_image_says_which_number_is_which() -> None:
    assert image_size_text((360, 480)) == "height 360, width 480"


@pytest.mark.parametrize(
    ("error", "text"),
    [(ValueError("two\nlines"), "ValueError: two lines"), (KeyError(), "KeyError"), (OSError("a"), "OSError: a")],
)
def test_an_error_is_one_line_with_its_kind(error: Exception, text: str) -> None:
    assert error_text(error) == text

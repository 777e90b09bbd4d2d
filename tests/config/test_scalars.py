"""What a scalar means is decided by the place where it stands: one row for each text at each kind of place."""

import math
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from pydantic import PositiveInt

from reliseg.config.scalars import AS_WRITTEN, Plain, core_value, read_as

CORE = {
    "": None,
    "~": None,
    "null": None,
    "NULL": None,
    "nUll": "nUll",
    "true": True,
    "FALSE": False,
    "yes": "yes",
    "on": "on",
    "y": "y",
    "16": 16,
    "+16": 16,
    "-0016": -16,
    "0o17": 15,
    "0o8": "0o8",
    "0x1F": 31,
    "0X1F": "0X1F",
    "-0x1F": "-0x1F",
    "1_000": "1_000",
    "1,000": "1,000",
    "0b11": "0b11",
    "1:30": "1:30",
    "2024-01-01": "2024-01-01",
    "1.0": 1.0,
    "1.": 1.0,
    ".5": 0.5,
    ".": ".",
    "0016E5": 1.6e6,
    "-1e-3": -0.001,
    "1e": "1e",
    ".inf": math.inf,
    "-.INF": -math.inf,
    "inf": "inf",
    "nan": "nan",
    "\uff11\uff12": "\uff11\uff12",
    "\u0661": "\u0661",
    "0x": "0x",
    "=": "=",
}


@pytest.mark.parametrize("text", CORE)
def test_a_scalar_of_anything_follows_the_core_rules(text):
    for value in (core_value(text), read_as(Plain(text), Any), read_as([Plain(text)], list[Any])[0]):
        assert value == CORE[text]
        assert type(value) is type(CORE[text])
    assert read_as(text, Any) == text  # in quotes


def test_not_a_number_is_one():
    assert math.isnan(core_value(".nan"))
    assert core_value("-.nan") == "-.nan"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("9" * 5000, "a number of 5000 digits is too long; put it in quotes if it is a name"),
        ("0x" + "9" * 5000, "a number of 5002 digits is too long"),
        ("1e999", "'1e999' is larger than any number; write .inf, or quotes if it is a name"),
    ],
)
def test_a_number_that_cannot_be_held_is_refused_where_any_value_may_stand(text, message):
    with pytest.raises(ValueError, match=message):
        read_as({"a": [Plain(text)]}, dict[str, Any])


NAMES = ["0016E5", "0001", "+1", "1_0", "0x1F", "1:30", "2024-01-01", "null", "true", "1.0", "on", "No", ".nan", " a "]


@pytest.mark.parametrize("text", [*NAMES, "a\nb", "9" * 5000])
def test_a_name_is_the_text_of_the_file(text):
    for kind, value in (
        (str, Plain(text)),
        (str, text),
        (list[str], [Plain(text)]),
        (str | list[str] | dict[str, Any], Plain(text)),
        (str | list[str] | dict[str, Any], [Plain(text)]),
        (dict[str, list[int]], {Plain(text): []}),
    ):
        read = read_as(value, kind)
        (name,) = (read,) if isinstance(read, str) else read
        assert name == text
        assert type(name) is str


@pytest.mark.parametrize("text", ["", "~"])
def test_nothing_is_no_name_unless_it_is_in_quotes(text):
    assert read_as(Plain(text), str) is None
    assert read_as(text, str) == text


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
@pytest.mark.parametrize("kind", [str | None, int | None, list[str], dict[str, Any] | None, list[str] | None, int])
def test_null_stands_for_what_is_not_given(text, kind):
    assert read_as(Plain(text), kind) is None


WHOLE = {"3": 3, "+3": 3, "0016": 16, "0x1F": 31, "-1": -1, "1e8": 10**8, "3.0": 3}
REFUSED = [
    "1_0",
    " 7",
    "7 ",
    "1,0",
    "seven",
    "true",
    "3.5",
    "1e999",
    ".inf",
    ".nan",
    "0b1",
    "\uff17",
    "9" * 5000,
    "1:30",
]


@pytest.mark.parametrize("text", WHOLE)
@pytest.mark.parametrize("kind", [int, int | None, PositiveInt | Literal["all"], Annotated[int, "x"]])
def test_a_whole_number_is_one_of_the_core_rules(text, kind):
    for value in (read_as(Plain(text), kind), read_as(text, kind)):
        assert value == WHOLE[text]
        assert type(value) is int


@pytest.mark.parametrize("text", REFUSED)
@pytest.mark.parametrize("kind", [int, int | None, PositiveInt | Literal["all"]])
def test_what_is_no_whole_number_stays_and_is_refused_by_the_schema(text, kind):
    value = read_as(Plain(text), kind)
    assert type(value) is not int


def test_words_beside_numbers():
    kind = PositiveInt | Literal["all"]
    assert read_as(Plain("all"), kind) == "all"
    assert read_as(Plain("3"), int | str) == 3
    assert read_as("3", int | str) == "3"
    assert read_as(Plain("aux"), int | str | None) == "aux"


def test_true_and_false_are_those_of_the_core_rules():
    for text, value in (("true", True), ("False", False), ("yes", "yes"), ("on", "on"), ("1", "1"), ("t", "t")):
        assert read_as(Plain(text), bool) is value or read_as(Plain(text), bool) == value
        assert type(read_as(Plain(text), bool)) is type(value)


def test_numbers_with_a_point():
    assert read_as([Plain("1"), Plain(".5"), 2], tuple[float, float, float]) == (1.0, 0.5, 2.0)
    assert read_as(Plain("1e999"), float) == "1e999"
    assert math.isnan(read_as(Plain(".nan"), float))
    assert read_as(10**400, float) == math.inf


@pytest.mark.parametrize(
    ("value", "read"), [(3, 3), (3.0, 3), (np.int64(3), 3), (3.5, 3.5), (True, True), (np.bool_(True), np.bool_(True))]
)
def test_whole_numbers_of_programs_are_those_that_equal_one(value, read):
    assert read_as(value, int) == read
    assert type(read_as(value, int)) is type(read)


def test_lists_and_tuples_become_what_the_place_wants():
    assert read_as((1, 2), list[int]) == [1, 2]
    assert read_as([1, 2, 3], tuple[int, int]) == (1, 2, 3)
    assert read_as("a", list[str]) == "a"
    assert read_as(Plain("a"), Literal["a"] | tuple[int, int]) == "a"
    assert read_as([Plain("1"), Plain("2")], Literal["a"] | tuple[PositiveInt, PositiveInt] | None) == (1, 2)


def test_what_is_wanted_as_written_is_a_number_only_in_its_plainest_form():
    kind = dict[str, Annotated[Any, AS_WRITTEN]]
    texts = ["7", "0", "007", "0x7", "+7", "1_0", "7.0", "null", "~", "", "-1", "1e1", "9" * 10]
    read = read_as({"ids": [Plain(t) for t in texts], "known": {Plain("7"): Plain("0"), Plain("00"): "x"}}, kind)
    assert read == {"ids": [7, 0, *texts[2:]], "known": {"7": 0, "00": "x"}}
    assert read_as({"known": {7: 0}}, kind) == {"known": {"7": 0}}


def test_keys_that_mean_the_same_are_refused():
    with pytest.raises(ValueError, match="the keys 1 and 0x1 are the same; give one of them"):
        read_as({"a": {Plain("1"): 0, Plain("0x1"): 1}}, dict[str, Any])
    with pytest.raises(ValueError, match="the keys 7 and 7 are the same"):
        read_as({"known": {7: 0, "7": 1}}, dict[str, Annotated[Any, AS_WRITTEN]])


@pytest.mark.parametrize(("text", "message"), [("a\0b", "U\\+0000"), ("a\udce9", "not UTF-8")])
def test_what_no_file_can_hold_is_refused(text, message):
    for kind in (str, Any, list[str]):
        with pytest.raises(ValueError, match=message):
            read_as([text] if kind == list[str] else text, kind)

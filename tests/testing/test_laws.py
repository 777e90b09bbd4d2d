"""How a broken law is told."""

from dataclasses import dataclass

import pytest

from reliseg.testing.laws import Examiner, check_specification

EXAMINER = Examiner("score Mine()")


def test_a_law_that_holds_says_nothing():
    EXAMINER.require(True, "law", "seen")
    EXAMINER.require_equal([1.0, float("nan")], [1.0, float("nan")], "law", "a case")


def test_a_broken_law_is_told_with_what_was_seen():
    with pytest.raises(AssertionError, match=r"^score Mine\(\): the law; what was seen$"):
        EXAMINER.require(False, "the law", "what was seen")
    with pytest.raises(AssertionError, match=r"^score Mine\(\): the law; on a case: 0.0, then -0.0$"):
        EXAMINER.require_equal(0.0, -0.0, "the law", "a case")


def test_an_error_of_a_plug_in_is_told_on_one_line_and_its_origin_is_kept():
    with (
        pytest.raises(
            AssertionError, match=r"^.*: call raises no error on a case; it raised ValueError: a b$"
        ) as caught,
        EXAMINER.calling("call", "a case"),
    ):
        raise ValueError("a\nb")
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_broken_law_within_a_call_stays_what_it_is():
    with pytest.raises(AssertionError, match=r"^inner$"), EXAMINER.calling("call", "a case"):
        raise AssertionError("inner")


class Interface:
    pass


@dataclass(frozen=True)
class Plain(Interface):
    bins: int = 15
    names: tuple[str, ...] = ("a",)


def test_a_frozen_dataclass_with_defaults_is_a_specification():
    check_specification(EXAMINER, Plain(), Interface)
    with pytest.raises(AssertionError, match="it is an object of a subclass of Interface; its type is int"):
        check_specification(EXAMINER, 1, Interface)


def test_parameters_must_be_hashable():
    with pytest.raises(AssertionError, match=r"hash raises no error on the object; it raised TypeError: unhashable"):
        check_specification(EXAMINER, Plain(names=["a"]), Interface)

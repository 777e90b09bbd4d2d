from dataclasses import dataclass

import pytest
from pydantic import ValidationError

from reliseg.runtime.checked import checker


@dataclass(frozen=True)
class Point:
    x: int
    y: int = 0


def test_values_are_checked_against_their_type():
    assert checker(Point).validate_python({"x": 1}) == Point(1)
    assert checker(list[Point]).validate_json('[{"x": 1, "y": 2}]') == [Point(1, 2)]
    with pytest.raises(ValidationError):
        checker(Point).validate_python({"y": 1})


def test_what_checks_a_type_is_made_once():
    assert checker(Point) is checker(Point)
    assert checker(list[Point]) is checker(list[Point])

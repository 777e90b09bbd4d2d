"""Parameters that a method is given: true and false are no numbers, and what is refused is said in one line."""

import math

import pytest

from reliseg.calibration.parameters import is_amount, is_natural, require, require_flag, require_positive, require_seed
from reliseg.errors import ConfigError


@pytest.mark.parametrize(
    ("value", "natural", "amount"),
    [
        (0, True, True),
        (3, True, True),
        (-1, False, False),
        (2.0, False, True),
        (-0.5, False, False),
        (math.nan, False, False),
        (math.inf, False, False),
        (10**400, True, False),
        (True, False, False),
        ("3", False, False),
        (None, False, False),
        ([1], False, False),
    ],
)
def test_what_is_a_whole_number_and_what_is_an_amount(value, natural, amount):
    assert is_natural(value) == natural
    assert is_amount(value) == amount


def test_a_whole_number_may_have_to_be_at_least_something():
    assert [is_natural(n, 2) for n in (1, 2, 3)] == [False, True, True]


CHECKS = {
    "method: key is 'x'; give y": lambda: require(False, "method", "key", "x", "y"),
    "ts: rate is 0; give a number above 0": lambda: require_positive("ts", "rate", 0),
    "ts: rate is True; give a number above 0": lambda: require_positive("ts", "rate", True),
    "lts: seed is 4294967296; give a number from 0, below 2**32": lambda: require_seed("lts", 1 << 32),
    "lts: seed is 1.0; give a number from 0, below 2**32": lambda: require_seed("lts", 1.0),
    "lts: soft is 1; give true or false": lambda: require_flag("lts", "soft", 1),
}


@pytest.mark.parametrize("said", CHECKS)
def test_what_is_not_as_needed_is_refused(said):
    with pytest.raises(ConfigError) as caught:
        CHECKS[said]()
    assert str(caught.value) == said


def test_what_is_as_needed_passes():
    require(True, "method", "key", "x", "y")
    require_positive("ts", "rate", 1e-9)
    require_seed("lts", (1 << 32) - 1)
    require_flag("lts", "soft", False)

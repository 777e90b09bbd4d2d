"""Checks of the parameters that a method is given."""

import math

from reliseg.errors import ConfigError


def required(holds: bool, method: str, key: str, value: object, need: str) -> None:
    """A ConfigError where a parameter is not what is needed."""
    if not holds:
        raise ConfigError(f"{method}: {key} is {value!r}; give {need}")


def is_natural(value: object, least: int = 0) -> bool:
    """Whether a parameter is a whole number from `least` (true and false are none)."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def is_amount(value: object) -> bool:
    """Whether a parameter is a finite number from 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value) and value >= 0
    except OverflowError:
        return False  # a whole number that no float can hold

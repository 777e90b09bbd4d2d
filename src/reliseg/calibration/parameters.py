"""Checks of the parameters that a method is given."""

import math

from reliseg.errors import ConfigError


def require(holds: bool, method: str, key: str, value: object, need: str) -> None:
    """Raise a ConfigError where a parameter is not what is needed."""
    if not holds:
        raise ConfigError(f"{method}: {key} is {value!r}; give {need}")


def require_positive(method: str, key: str, value: object) -> None:
    """Raise a ConfigError where a parameter is not a finite number above 0."""
    require(is_amount(value) and value != 0, method, key, value, "a number above 0")


def require_seed(method: str, value: object) -> None:
    """Raise a ConfigError where a seed is none that NumPy and scikit-learn take."""
    need = "a number from 0, below 2**32"
    require(isinstance(value, int) and is_natural(value) and value < 1 << 32, method, "seed", value, need)


def require_flag(method: str, key: str, value: object) -> None:
    """Raise a ConfigError where a parameter is neither true nor false."""
    require(isinstance(value, bool), method, key, value, "true or false")


def is_natural(value: object, least: int = 0) -> bool:
    """Return whether a parameter is a whole number from `least`; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def is_amount(value: object) -> bool:
    """Return whether a parameter is a finite number from 0; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value) and value >= 0
    except OverflowError:
        return False  # a whole number that no float can hold

"""Numbers as whole ones, so that many of them take little room in a file."""

import math
from collections.abc import Iterable, Sequence

_DIGITS, _DIGITS_OF_MANY, _MANY = 7, 4, 2000
"""What is shown has three digits and is rounded once more: with four in between, one number in twenty would come out
otherwise than it does in the table of the run. Where there are many numbers, four must do."""


def scaled(values: Sequence[float]) -> tuple[float, list[int | None]]:
    """Return a unit and the values in it, rounded: seven digits of the largest, or four where there are many values.

    What is not finite is None.
    """
    digits = _DIGITS if len(values) <= _MANY else _DIGITS_OF_MANY
    largest = max((abs(v) for v in values if math.isfinite(v)), default=0.0)
    unit = 10.0 ** (math.ceil(math.log10(largest)) - digits) if largest else 1.0
    return unit, whole(values, unit)


def whole(values: Iterable[float], unit: float) -> list[int | None]:
    """Return the values in a unit, rounded; what is not finite is None."""
    return [round(v / unit) if math.isfinite(v) else None for v in values]


def rounded_count(count: float) -> int:
    """Return a number of pixels with four digits: the page shows no more."""
    return int(float(f"{count:.4g}"))


def steps(values: Sequence[int]) -> list[int]:
    """Return the first value and the differences: those of a smooth curve are small, and pack well."""
    return [b - a for a, b in zip([0, *values], values, strict=False)]

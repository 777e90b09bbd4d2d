"""Numbers as whole ones, so that many of them take little room in a file."""

import math
from collections.abc import Iterable, Sequence

_DIGITS, _DIGITS_OF_FEW, _FEW = 4, 7, 2000


def scaled_finely(values: Sequence[float]) -> tuple[float, list[int | None]]:
    """Return the same as `scaled` with seven digits, where there are few values.

    The page rounds to three: with four in between, one number in twenty would not be what the page says in words.
    """
    return scaled(values, _DIGITS_OF_FEW if len(values) <= _FEW else _DIGITS)


def scaled(values: Sequence[float], digits: int = _DIGITS) -> tuple[float, list[int | None]]:
    """Return a unit and the values in it, rounded: so many digits of the largest. What is not finite is None."""
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

"""Two numbers against each other, on the same units or on others."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from reliseg.intervals.jackknife import LEVEL, ONE_UNIT, UNCHANGED, UNDEFINED, Interval, Left, Spread
from reliseg.types import Float64


@dataclass(frozen=True)
class Comparison:
    """`value` is the first number less the second, with its interval and the p-value of no difference."""

    value: float
    interval: Interval
    p: float
    paired: bool


def compare(
    value: float,
    first: Sequence[Left],
    second: Sequence[Left],
    *,
    paired: bool,
    level: float = LEVEL,
    noun: str = "unit",
) -> Comparison:
    """Return how much the first number exceeds the second.

    `first` and `second` are what each is without each unit, of one or more independent samples. Paired, the samples of
    both are the same units in the same order: what both have in common leaves the error. Else they are independent.

    Paired, Student's t has n - 1 degrees of freedom: differences of equal models lie evenly about 0, and fewer would
    call them different too seldom.
    """
    lefts = [a - b for a, b in zip(first, second, strict=True)] if paired else [*first, *second]
    if any(len(left) < 2 for left in lefts):
        return _none(value, ONE_UNIT.format(noun), paired)
    if not all(np.isfinite(left).all() for left in lefts):
        return _none(value, UNDEFINED.format(noun), paired)
    first_of_all, *others = (_spread(left, paired=paired) for left in lefts)
    spread = sum(others, first_of_all)
    if not spread.error and value:
        return _none(value, UNCHANGED.format(noun), paired)
    half = spread.half(level)
    return Comparison(
        value, Interval(value - half, value + half, doubt=spread.doubt(noun)), spread.p_value(value), paired
    )


def _spread(left: Left, *, paired: bool) -> Spread:
    found = Spread.of(left)
    return replace(found, freedom=len(left) - 1.0) if paired else found


def _none(value: float, why: str, paired: bool) -> Comparison:
    return Comparison(value, Interval.none(why), np.nan, paired)


def holm(p: Float64[np.ndarray, " k"]) -> Float64[np.ndarray, " k"]:
    """Return p-values adjusted for as many comparisons as there are (Holm 1979); NaN counts for none and stays."""
    adjusted = np.full(len(p), np.nan)
    order = np.argsort(p, kind="stable")[: int(np.isfinite(p).sum())]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted

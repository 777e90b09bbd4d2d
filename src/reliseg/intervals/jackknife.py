"""Leave-one-out jackknife intervals (Tukey 1958; Efron and Stein 1981) of numbers that are made of many units.

A number is computed again without each unit. How much it moves, on its link's scale, gives its standard error; how
unevenly the units move it gives the degrees of freedom of Student's t.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from reliseg.intervals.scale import Scale
from reliseg.types import Float64

Left: TypeAlias = Float64[np.ndarray, " n"]
"""A number without each of the units, one after the other."""

LEVEL = 0.95
_FEW, ENOUGH = 0.08, 9
"""A share of the units, and how many: where fewer than both decide a number, no interval is honest.

Above a hundred units the share alone would warn of intervals that hold what they say: `benchmarks/intervals.py`.
"""
DECIDE = 0.8
"""The share of the variance from which on units decide a number."""
ONE_UNIT = "one {} alone does not tell how others vary"
UNDEFINED = "it is undefined where one {} is left out"
UNCHANGED = "it stays the same whichever {} is left out"
ROUNDING = 1e-13
"""What sums in another order may differ by."""


@dataclass(frozen=True)
class Interval:
    """From `low` to `high`; or none (NaN), and why. `doubt` says why an interval should not be relied on."""

    low: float
    high: float
    why: str = ""
    doubt: str = ""

    @classmethod
    def none(cls, why: str) -> "Interval":
        """Return no interval, and the reason."""
        return cls(np.nan, np.nan, why)

    @property
    def note(self) -> str:
        """Why there is no interval, or why it should not be relied on."""
        return self.why or self.doubt


@dataclass(frozen=True)
class Spread:
    """The standard error of a number on a scale, its degrees of freedom, and how many of its units decide it."""

    error: float
    freedom: float
    deciding: int = 1
    units: int = 1

    @classmethod
    def of(cls, left: Left) -> "Spread":
        """Return the spread from the values without each unit, at least two of them.

        Degrees of freedom are 2 n / (kurtosis - 1), between 2 and n - 1: where a number hangs on few units, its error
        is known less well than n - 1 says.
        """
        n, left = len(left), np.sort(left)  # sums in floating point depend on their order, which says nothing
        square = (left - left.mean()) ** 2
        total = float(square.sum())
        largest_first = np.cumsum(np.sort(square)[::-1])
        deciding = int(np.searchsorted(largest_first, DECIDE * total)) + 1
        return cls.of_sums(n, total, float((square**2).sum()), deciding)

    @classmethod
    def of_sums(cls, n: int, squares: float, fourths: float, deciding: int) -> "Spread":
        """Return the spread of n values from sums of their distances from the mean, squared and to the fourth power."""
        if not squares > 0:
            return cls(0.0, float(n - 1), n, n)
        kurtosis = fourths * n / (squares * squares)
        freedom = min(max(2 * n / max(kurtosis - 1, 1e-9), min(2, n - 1)), n - 1)
        return cls(math.sqrt((n - 1) / n * squares), float(freedom), deciding, n)

    def __add__(self, other: "Spread") -> "Spread":
        """Return the spread of a sum or difference of two independent numbers (Welch 1947)."""
        own, others = self.error * self.error, other.error * other.error
        square = own + others
        if not square:
            return replace(self, freedom=min(self.freedom, other.freedom))
        fourth = own * own / self.freedom + others * others / other.freedom
        wider = max((self, other), key=lambda spread: spread.error)
        freedom = square * square / fourth if fourth else wider.freedom
        return replace(wider, error=math.sqrt(square), freedom=freedom)

    def doubt(self, noun: str = "unit") -> str:
        """Return why an interval should not be relied on, or nothing; `noun` is what a unit is."""
        if not self.error or self.deciding >= min(_FEW * self.units, ENOUGH):
            return ""
        return f"{self.deciding} of {self.units} {noun}s decide this number"

    def half(self, level: float = LEVEL) -> float:
        """Return half the width of the interval."""
        from scipy.special import stdtrit  # slow to import

        return float(stdtrit(self.freedom, (1 + level) / 2) * self.error)

    def p_value(self, difference: float) -> float:
        """Return the two-sided p-value of a difference against none."""
        from scipy.special import stdtr

        if not self.error:
            return float(difference == 0)
        return float(2 * stdtr(self.freedom, -abs(difference) / self.error))


def jackknife(
    value: float, centre: float, lefts: Sequence[Left], scale: Scale, *, level: float = LEVEL, noun: str = "unit"
) -> Interval:
    """Return the interval of `value`; `noun` is what a unit is, like `image`.

    `lefts` are what the number is without each unit: of one sample, or of several independent ones that it is made of.
    `centre` is what it is with all of them; `value` may be known better, and is where the interval lies.
    """
    if any(len(left) < 2 for left in lefts):
        return Interval.none(ONE_UNIT.format(noun))
    if not all(np.isfinite(left).all() for left in lefts):
        return Interval.none(UNDEFINED.format(noun))
    scale = scale.for_values(*lefts, np.array([value, centre]))
    spread = sum((Spread.of(scale.forward(left)) for left in lefts[1:]), Spread.of(scale.forward(lefts[0])))
    here, half = float(scale.forward(np.array(value))), spread.half(level)
    if spread.error <= ROUNDING * max(1.0, abs(here)):
        return Interval.none(UNCHANGED.format(noun))
    low, high = scale.back(np.array([here - half, here + half])).tolist()
    return Interval(low, high, doubt=spread.doubt(noun))

"""A number without each of the units that it is made of: what intervals and comparisons are made of."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from reliseg.metrics.many import ratio
from reliseg.metrics.units import Rows, Units
from reliseg.types import Float64

PerUnit: TypeAlias = Float64[np.ndarray, " u"]
Family: TypeAlias = Callable[[Rows], Mapping[str, Float64[np.ndarray, " m"]]]
"""Sums -> numbers by name, one for each row of the sums."""


@dataclass(frozen=True, eq=False)
class Replicates:
    """One number: `centre` with all units, and in `lefts` without each of them.

    Most are made of the units of one domain; those that compare a domain with the reference are made of two, and leave
    out the domain's units first, then the reference's.
    """

    metric: str
    centre: float
    lefts: tuple[PerUnit, ...]
    label: str = ""
    score: str = ""
    definition: str = ""
    """Empty for all definitions of the metric."""
    doubt: str = ""
    """Why an interval should not be relied on, whatever the numbers."""


_UNITS_OF_A_CLASS = 5
"""A class that stands in fewer units gives no honest interval."""


def few_units(units: Units, what: str, n: int, *, predicted: bool = False) -> str:
    """Return a doubt where only a few units, n, have any of these pixels, or predictions; else nothing."""
    is_there = "is predicted" if predicted else "stands"
    return f"{what} {is_there} in {n} of {len(units)} {units.kind}" if 0 < n < _UNITS_OF_A_CLASS else ""


def replicates_of(family: Family, units: Units, *, score: str = "") -> Iterator[Replicates]:
    """Yield the numbers of a family that reads the sums of one domain."""
    centres, lefts = family(units.total), family(units.without_each)
    for name, left in lefts.items():
        yield Replicates(name, float(centres[name][0]), (left,), score=score)


def mean_replicates(
    metric: str, values: Float64[np.ndarray, " n"], units: Units, *, score: str = "", definition: str = ""
) -> Replicates:
    """Return the mean of a number of images, over those that have one."""
    sums, counts = units.sums(values)
    total = np.array([math.fsum(sums)])
    others, n = total - sums, counts.sum() - counts
    centre = float(ratio(total, counts.sum(keepdims=True))[0])
    return Replicates(metric, centre, (ratio(others, n),), score=score, definition=definition)

"""Jackknife intervals of many numbers at once: `jackknife` defines them, with the same bits, one after the other."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

import numpy as np

from reliseg.intervals.jackknife import (
    DECIDE,
    ENOUGH,
    LEVEL,
    ONE_UNIT,
    ROUNDING,
    UNCHANGED,
    UNDEFINED,
    Interval,
    Left,
    Spread,
)
from reliseg.intervals.scale import Scale, Values
from reliseg.types import Bool, Float64, Int64

_CELLS = 1 << 20
"""Of replicates that are looked at together, about."""


@dataclass(frozen=True, eq=False)
class Asked:
    """A number whose interval is asked for: what `jackknife` takes."""

    value: float
    centre: float
    lefts: Sequence[Left]
    scale: Scale


def jackknives(asked: Sequence[Asked], *, level: float = LEVEL, noun: str = "unit") -> list[Interval]:
    """Return the interval of each number, in their order."""
    alike: dict[tuple[int, ...], list[int]] = {}
    for i, number in enumerate(asked):
        alike.setdefault(tuple(map(len, number.lefts)), []).append(i)
    found: dict[int, Interval] = {}
    for sizes, places in alike.items():
        if min(sizes) < 2:
            found |= dict.fromkeys(places, Interval.none(ONE_UNIT.format(noun)))
            continue
        step = max(1, _CELLS // sum(sizes))
        for start in range(0, len(places), step):
            lot = places[start : start + step]
            found |= zip(lot, _of_alike([asked[i] for i in lot], level, noun), strict=True)
    return [found[i] for i in range(len(asked))]


def _of_alike(asked: Sequence[Asked], level: float, noun: str) -> Iterator[Interval]:
    """Yield the intervals of numbers that are made of as many units each."""
    from scipy.special import stdtrit  # slow to import

    samples = [np.array(lefts, np.float64) for lefts in zip(*(number.lefts for number in asked), strict=True)]
    ends = np.array([(number.value, number.centre) for number in asked])
    is_finite = np.logical_and.reduce([np.isfinite(lefts).all(axis=1) for lefts in samples])
    least = np.minimum.reduce([ends.min(axis=1), *(lefts.min(axis=1) for lefts in samples)])
    most = np.maximum.reduce([ends.max(axis=1), *(lefts.max(axis=1) for lefts in samples)])
    scales = [
        number.scale if number.scale.fits(low, high) else number.scale.itself()
        for number, low, high in zip(asked, least.tolist(), most.tolist(), strict=True)
    ]
    rows = _rows_by_scale(scales, is_finite)
    first, *others = (_Spreads.of(_on_scales(rows, Scale.forward, lefts)) for lefts in samples)
    spreads = reduce(_Spreads.plus, others, first)
    here = _on_scales(rows, Scale.forward, ends[:, :1])
    half = stdtrit(spreads.freedom, (1 + level) / 2) * spreads.error
    bounds = _on_scales(rows, Scale.back, here + half[:, None] * (-1, 1))
    is_moved = ~(spreads.error <= ROUNDING * np.maximum(1.0, np.abs(here[:, 0])))
    is_even = spreads.are_even()
    undefined, unchanged = Interval.none(UNDEFINED.format(noun)), Interval.none(UNCHANGED.format(noun))
    for i, (low, high) in enumerate(bounds.tolist()):
        if not is_finite[i]:
            yield undefined
        elif not is_moved[i]:
            yield unchanged
        else:
            yield Interval(low, high, doubt="" if is_even[i] else spreads.one(i).doubt(noun))


def _rows_by_scale(scales: Sequence[Scale], there: Bool[np.ndarray, " k"]) -> dict[Scale, list[int]]:
    """Return the rows of each scale, if they are there."""
    rows: dict[Scale, list[int]] = {}
    for i in np.flatnonzero(there).tolist():
        rows.setdefault(scales[i], []).append(i)
    return rows


def _on_scales(
    rows: Mapping[Scale, Sequence[int]], change: Callable[[Scale, Values], Values], values: Float64[np.ndarray, "k n"]
) -> Float64[np.ndarray, "k n"]:
    """Return the values of each scale's rows as it changes them, of other rows as they are."""
    moved = values.copy()
    for scale, of_scale in rows.items():
        moved[of_scale] = change(scale, values[of_scale])
    return moved


class _Spreads(NamedTuple):
    """The spreads of many numbers: see `Spread`."""

    error: Float64[np.ndarray, " k"]
    freedom: Float64[np.ndarray, " k"]
    deciding: Int64[np.ndarray, " k"]
    units: Int64[np.ndarray, " k"]

    @classmethod
    def of(cls, lefts: Float64[np.ndarray, "k n"]) -> "_Spreads":
        """Return the spread of each row; of the units that decide a number, no more are counted than anyone asks for.

        A row that is not finite has any.
        """
        n, rising = lefts.shape[1], np.sort(lefts, axis=1)
        with np.errstate(all="ignore"):
            square = (rising - rising.mean(axis=1, keepdims=True)) ** 2
            total, fourth = square.sum(axis=1), (square**2).sum(axis=1)
            largest = square if n <= 2 * ENOUGH else np.delete(square, np.s_[ENOUGH:-ENOUGH], axis=1)  # at the ends
            largest_first = np.cumsum(np.sort(largest, axis=1)[:, ::-1], axis=1)
            deciding = (largest_first < (DECIDE * total)[:, None]).sum(axis=1) + 1
            kurtosis = fourth * n / (total * total)
            freedom = np.minimum(np.maximum(2 * n / np.maximum(kurtosis - 1, 1e-9), min(2, n - 1)), n - 1)
            error = np.sqrt((n - 1) / n * total)
        is_spread, units = total > 0, np.full(len(lefts), n)
        return cls(
            np.where(is_spread, error, 0.0),
            np.where(is_spread, freedom, n - 1.0),
            np.where(is_spread, deciding, n),
            units,
        )

    def plus(self, other: "_Spreads") -> "_Spreads":
        """Return the spreads of sums or differences of numbers that are independent, pair by pair."""
        own, others = self.error * self.error, other.error * other.error
        square = own + others
        is_other = other.error > self.error
        wider = (np.where(is_other, b, a) for a, b in zip(self, other, strict=True))
        _, freedom, deciding, units = wider
        with np.errstate(all="ignore"):
            fourth = own * own / self.freedom + others * others / other.freedom
            freedom = np.where(fourth > 0, square * square / fourth, freedom)
        freedom = np.where(square > 0, freedom, np.minimum(self.freedom, other.freedom))
        return _Spreads(np.sqrt(square), freedom, deciding, units)

    def are_even(self) -> Bool[np.ndarray, " k"]:
        """Tell which numbers are decided by so many units that nobody doubts it."""
        return np.asarray(self.deciding >= ENOUGH)

    def one(self, number: int) -> Spread:
        """Return a single one."""
        error, freedom, deciding, units = (of_all[number].item() for of_all in self)
        return Spread(error, freedom, deciding, units)

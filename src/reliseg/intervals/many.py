"""Jackknife intervals of many numbers at once: `jackknife` defines them, with the same bits, one after the other."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

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
from reliseg.types import Bool, Float64

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
    moved = [_on_scales(rows, Scale.forward, lefts) for lefts in samples]
    here = _on_scales(rows, Scale.forward, ends[:, :1])
    spreads = [sum(others, first) for first, *others in zip(*map(_spreads, moved), strict=True)]
    half = stdtrit([spread.freedom for spread in spreads], (1 + level) / 2) * [spread.error for spread in spreads]
    bounds = _on_scales(rows, Scale.back, here + half[:, None] * (-1, 1))
    numbers = zip(spreads, is_finite.tolist(), here[:, 0].tolist(), bounds.tolist(), strict=True)
    for spread, there, place, (low, high) in numbers:
        if not there:
            yield Interval.none(UNDEFINED.format(noun))
        elif spread.error <= ROUNDING * max(1.0, abs(place)):
            yield Interval.none(UNCHANGED.format(noun))
        else:
            yield Interval(low, high, doubt=spread.doubt(noun))


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


def _spreads(lefts: Float64[np.ndarray, "k n"]) -> Iterable[Spread]:
    """Return the spread of each row; of the units that decide a number, no more are counted than anyone asks for."""
    n, rising = lefts.shape[1], np.sort(lefts, axis=1)
    square = (rising - rising.mean(axis=1, keepdims=True)) ** 2
    total, fourth = square.sum(axis=1), (square**2).sum(axis=1)
    largest = square if n <= 2 * ENOUGH else np.delete(square, np.s_[ENOUGH:-ENOUGH], axis=1)  # they lie at the ends
    largest_first = np.cumsum(np.sort(largest, axis=1)[:, ::-1], axis=1)
    deciding = (largest_first < (DECIDE * total)[:, None]).sum(axis=1) + 1
    sums = zip(total.tolist(), fourth.tolist(), deciding.tolist(), strict=True)
    return [Spread.of_sums(n, of_squares, of_fourths, few) for of_squares, of_fourths, few in sums]

"""Jackknife intervals of many numbers at once: `jackknife` defines them, with the same bits, one after the other."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from reliseg.intervals.jackknife import (
    DECIDE,
    LEVEL,
    ONE_UNIT,
    ROUNDING,
    UNCHANGED,
    UNDEFINED,
    Interval,
    Left,
    Spread,
)
from reliseg.intervals.scale import Scale
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
    moved = [_forward(scales, lefts, is_finite) for lefts in samples]
    here = _forward(scales, ends[:, :1], is_finite)[:, 0]
    spreads = [sum(others, first) for first, *others in zip(*map(_spreads, moved), strict=True)]
    half = stdtrit([spread.freedom for spread in spreads], (1 + level) / 2) * [spread.error for spread in spreads]
    numbers = zip(scales, spreads, is_finite.tolist(), here.tolist(), half.tolist(), strict=True)
    for scale, spread, there, place, around in numbers:
        if not there:
            yield Interval.none(UNDEFINED.format(noun))
        elif spread.error <= ROUNDING * max(1.0, abs(place)):
            yield Interval.none(UNCHANGED.format(noun))
        else:
            yield Interval(scale.back(place - around), scale.back(place + around), doubt=spread.doubt(noun))


def _forward(
    scales: Sequence[Scale], values: Float64[np.ndarray, "k n"], there: Bool[np.ndarray, " k"]
) -> Float64[np.ndarray, "k n"]:
    """Return the values on the scale of their row; rows that are not there as they are."""
    moved = values.copy()
    links = np.array([scale.link for scale in scales])
    low, high = (np.array([getattr(scale, end) for scale in scales])[:, None] for end in ("low", "high"))
    is_log, is_logit = ((links == link) & there for link in ("log", "logit"))
    moved[is_log] = np.log(values[is_log] - low[is_log])
    moved[is_logit] = np.log(values[is_logit] - low[is_logit]) - np.log(high[is_logit] - values[is_logit])
    return moved


def _spreads(lefts: Float64[np.ndarray, "k n"]) -> Iterable[Spread]:
    """Return the spread of each row."""
    n, rising = lefts.shape[1], np.sort(lefts, axis=1)
    square = (rising - rising.mean(axis=1, keepdims=True)) ** 2
    total, fourth = square.sum(axis=1), (square**2).sum(axis=1)
    largest_first = np.cumsum(np.sort(square, axis=1)[:, ::-1], axis=1)
    deciding = (largest_first < (DECIDE * total)[:, None]).sum(axis=1) + 1
    sums = zip(total.tolist(), fourth.tolist(), deciding.tolist(), strict=True)
    return [Spread.of_sums(n, of_squares, of_fourths, few) for of_squares, of_fourths, few in sums]

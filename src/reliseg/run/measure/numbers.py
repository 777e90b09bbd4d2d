"""A row of results with what its interval is made of."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from reliseg.intervals import Asked, Interval, Scale, jackknives
from reliseg.metrics import DomainState, Metric
from reliseg.metrics.replicates import Replicates
from reliseg.metrics.units import Units
from reliseg.results import NAN, Row, Value
from reliseg.results.replicates import About, UnitSet, write_replicates

_FEW = 8
"""Fewer units give an interval that should not be relied on."""


class Number(NamedTuple):
    """A row, its replicates if it has any, and the scale of its interval."""

    row: Row
    scale: Scale
    replicates: Replicates | None
    units: tuple[UnitSet, ...]
    """Those that the replicates leave out, one after the other: the domain's, and the reference's if it is compared."""
    without: str
    """Why there is no interval where there are no replicates."""

    def skipping(self, images: int) -> "Number":
        """Return the number of a domain of which so many images could not be read."""
        return self._replace(row=replace(self.row, skipped=images)) if images else self

    def with_interval(self, found: Interval | None) -> "Number":
        """Return the number with an interval of its replicates; or None, and why where it has no replicates."""
        if not self.units:
            return self
        low, high, note = (NAN, NAN, self._without()) if found is None else (found.low, found.high, self._doubt(found))
        units = self.units[0]
        row = self.row.with_interval(low, high, units=units.kind, n_units=len(units.names), note=note)
        return Number(row, self.scale, self.replicates, self.units, self.without)

    def _without(self) -> str:
        """Return why there is no interval, if the value does not say it."""
        return self.without if self.replicates is None and not self.row.why else ""

    def _doubt(self, found: Interval) -> str:
        """Return why an interval is none, or should not be relied on."""
        units, doubt = self.units[0], self.replicates.doubt if self.replicates else ""
        few = f"only {len(units.names)} {units.kind}" if len(units.names) < _FEW else ""
        return found.why or doubt or few or found.doubt


def with_intervals(numbers: Iterable[Number]) -> list[Number]:
    """Return numbers of the same units with the intervals in their rows."""
    every = list(numbers)
    asked = {
        i: Asked(n.row.value, n.replicates.centre, n.replicates.lefts, n.scale)
        for i, n in enumerate(every)
        if n.units and n.replicates is not None and not n.row.why
    }
    noun = every[next(iter(asked))].units[0].kind.removesuffix("s") if asked else ""
    found = dict(zip(asked, jackknives([*asked.values()], noun=noun), strict=True))
    return [number.with_interval(found.get(i)) for i, number in enumerate(every)]


def replicates_by_value(
    metric: Metric, values: Iterable[Value], domain: DomainState, reference: DomainState | None
) -> list[Replicates | None]:
    """Return the replicates of each of a metric's values, in their order; None where it has none."""
    found = {(r.metric, r.label, r.score, r.definition): r for r in metric.replicates(domain, reference)}

    def of(v: Value) -> Replicates | None:
        names = v.metric, v.label, v.score
        return found.get((*names, v.definition)) or found.get((*names, ""))

    return [None if value.why else of(value) for value in values]


def unit_set(units: Units) -> UnitSet:
    """Return the names of units, as they are stored."""
    return UnitSet(units.kind, units.names, units.digests)


def write_replicates_of(folder: Path, numbers: Sequence[Number]) -> Path:
    """Write the replicates of all numbers of one model on one domain under one calibration."""
    found = [
        About(n.row, n.replicates.lefts, n.replicates.centre, n.units[: len(n.replicates.lefts)], n.replicates.doubt)
        for n in numbers
        if n.replicates is not None
    ]
    return write_replicates(folder, numbers[0].row, found)


def mean_number(row: Row, parts: Sequence[Number]) -> Number:
    """Return the number of a mean over seeds, whose replicates are means too."""
    replicates = [part.replicates for part in parts]
    first = parts[0]
    if any(r is None for r in replicates) or row.why:
        return first._replace(row=row, replicates=None).with_interval(None)
    there = [r for r in replicates if r is not None]
    lefts = tuple(np.mean(same, axis=0) for same in zip(*(r.lefts for r in there), strict=True))
    mean = replace(there[0], centre=float(np.mean([r.centre for r in there])), lefts=lefts)
    return with_intervals([first._replace(row=row, replicates=mean)])[0]

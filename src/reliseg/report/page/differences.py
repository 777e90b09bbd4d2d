"""How sure the difference of two numbers on the page is: image by image, where the runs keep that."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np

from reliseg.intervals import LEVEL, holm
from reliseg.report.compare.difference import Difference, difference_of
from reliseg.report.page.run_files import RunFiles
from reliseg.report.page.tables import State, Table
from reliseg.report.quantities import known_quantities
from reliseg.results import Row


@dataclass(frozen=True)
class Differences:
    """The numbers of a table, and the runs that they are from."""

    table: Table
    runs: Sequence[RunFiles]

    def between(self, first: State, second: State, metric: str, score: str = "") -> Difference | None:
        """Return a number of one state minus that of another one; None where either is undefined."""
        row, minus = self.table.row(first, metric, score), self.table.row(second, metric, score)
        if row is None or minus is None:
            return None
        own, other = (self.runs[self.table.origins[s]].replicates for s in (first, second))
        return difference_of(row, minus, own.of(row), other.of(minus))

    def apart_from_best(self, metric: str, score: str) -> dict[State, bool | None]:
        """Tell of each model if a number decides that it is worse than the best on its domain, under its calibration.

        None where no differences are kept; the best itself, and what has no number, is not here.
        """
        found: dict[State, bool | None] = {}
        worse = {"higher": -1, "lower": 1}.get(known_quantities()[metric].better, 0)
        groups: dict[tuple[str, str], list[tuple[float, State]]] = {}
        for state in self.table.states if worse else ():
            if row := self.table.row(state, metric, score):
                groups.setdefault((state.domain, state.calibration), []).append((worse * row.value, state))
        for group in groups.values():
            (_, best), *others = sorted(group)
            gaps = [gap for _, state in others if (gap := self.between(state, best, metric, score))]
            found |= zip((state for _, state in others), are_decided(gaps), strict=True)
        return found


def are_decided(differences: Sequence[Difference]) -> list[bool | None]:
    """Tell of each difference if it is decided, adjusted for as many as there are; None where that is not known."""
    adjusted = holm(np.array([d.p for d in differences], np.float64))
    return [
        None if isnan(p) else bool(p < 1 - LEVEL) and not d.note for d, p in zip(differences, adjusted, strict=True)
    ]


def overlap(row: Row, other: Row) -> bool | None:
    """Tell if the intervals of two numbers overlap; None where one has none."""
    ends = (row.ci_low, row.ci_high, other.ci_low, other.ci_high)
    return None if any(map(isnan, ends)) else row.ci_high >= other.ci_low and other.ci_high >= row.ci_low

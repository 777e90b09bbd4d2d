"""How numbers, names and notes are written in tables, whatever the format."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from reliseg.report.figures.choice import Labels
from reliseg.report.quantities import known_quantities
from reliseg.report.tables.grid import Grid
from reliseg.report.titles import title_of, unit_of
from reliseg.results import Row

NOT_MEASURED = "not measured"
_MINUS = "\N{MINUS SIGN}"
_ARROWS = {"higher": " \N{UPWARDS ARROW}", "lower": " \N{DOWNWARDS ARROW}"}
_FINER = 2
"""Numbers that are not in percent have so many digits more."""


@dataclass(frozen=True)
class Writing:
    """How numbers are written: shares in percent or as fractions, digits after the point, with intervals or without.

    Metrics have titles, or the names that results have.
    """

    percent: bool = True
    digits: int = 1
    intervals: bool = False
    titles: bool = True

    def number(self, value: float, metric: str) -> str:
        """Return a number as text."""
        in_percent = self._is_share(metric) or unit_of(metric) == "%"
        text = f"{value * (100 if self._is_share(metric) else 1):.{self.digits + (0 if in_percent else _FINER)}f}"
        return text.replace("-", _MINUS) if float(text) else text.removeprefix("-")

    def interval(self, row: Row) -> str:
        """Return the interval of a number as text; empty where it has none, or none is wanted."""
        if not self.intervals or math.isnan(row.ci_low) or math.isnan(row.ci_high):
            return ""
        return f"[{self.number(row.ci_low, row.metric)}, {self.number(row.ci_high, row.metric)}]"

    def heading(self, metric: str) -> str:
        """Return the title of a metric: with its unit, and an arrow that shows which way is better."""
        if not self.titles:
            return metric
        unit = "%" if self._is_share(metric) else unit_of(metric)
        quantity = known_quantities().get(metric)
        arrow = _ARROWS.get(quantity.better, "") if quantity else ""
        return f"{title_of(metric)}{f' ({unit})' if unit else ''}{arrow}"

    def _is_share(self, metric: str) -> bool:
        """Tell if a number is written in percent and is not so in results."""
        quantity = known_quantities().get(metric)
        return self.percent and quantity is not None and quantity.high == 1 and quantity.low in (0, -1)


@dataclass(frozen=True)
class Names:
    """How the values of axes are written."""

    labels: Labels
    writing: Writing

    @classmethod
    def of(cls, grid: Grid, writing: Writing) -> "Names":
        """Return the names of a table: what all share is left out of them."""
        rows = list(grid.cells.values())
        domains = dict.fromkeys(f"{row.dataset}/{row.domain}" for row in rows)
        return cls(Labels.of(domains, dict.fromkeys(row.calibration for row in rows)), writing)

    def text(self, axis: str, value: str) -> str:
        """Return how a value is written; a metric with its title, an empty one as a dash."""
        if axis == "metric":
            return self.writing.heading(value)
        if axis == "domain":
            return self.labels.domain(value)
        return self.labels.calibration(value) if axis == "calibration" else self.labels.text(value) or "\N{EN DASH}"


def shared_names(grid: Grid, names: Names) -> tuple[tuple[str, str], ...]:
    """Return what all numbers of a table have in common: an axis, and its one value."""
    return tuple((axis, names.text(axis, value)) for axis, value in grid.shared.items() if value)


def interval_text(rows: Iterable[Row], writing: Writing) -> str:
    """Return what the brackets of a table are; empty where there are none."""
    units = dict.fromkeys(row.ci_units for row in rows if writing.interval(row) and row.ci_units)
    return f"In brackets, 95 % intervals over {' or '.join(units)}" if units else ""


def best_text(some_best: bool, compared: bool) -> str:
    """Return what bold numbers mean, or that no number is bold; empty where nothing was compared."""
    rule = "the 95 % interval of the difference to the second best, paired on the same images, excludes 0"
    if some_best:
        return f"Bold numbers are the best, where {rule}"
    return f"No best number is bold, as for none {rule}" if compared else ""

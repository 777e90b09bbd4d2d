"""Differences to a baseline, with intervals and p-values for as many as there are."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reliseg.errors import ConfigError
from reliseg.intervals import LEVEL, holm
from reliseg.report.compare.difference import Difference, difference_of, have_one_reference
from reliseg.report.compare.sides import By, Entry, ReadRun, choose_sides
from reliseg.report.quantities import known_quantities
from reliseg.report.selection import pick_rows
from reliseg.report.table import parts_of_means
from reliseg.results import NAN, Row, csv_line
from reliseg.results.frames import Column, Kind, to_pandas, to_polars
from reliseg.results.views import view

COLUMNS = (
    "metric",
    "run",
    "model",
    "dataset",
    "domain",
    "calibration",
    "fitted_on",
    "score",
    "class",
    "definition",
    "baseline",
    "baseline_value",
    "value",
    "difference",
    "ci_low",
    "ci_high",
    "p",
    "p_holm",
    "verdict",
    "paired",
    "units",
    "note",
)
_KINDS: Mapping[str, Kind] = {
    "baseline_value": "number",
    "value": "number",
    "difference": "number",
    "ci_low": "number",
    "ci_high": "number",
    "p": "number",
    "p_holm": "number",
    "paired": "truth",
}


@dataclass(frozen=True)
class Compared:
    """A row beside that of the baseline. `p_holm` is adjusted for all comparisons of the table.

    The verdict is `better` or `worse` where the adjusted p-value is below 0.05 and nothing is in doubt (`higher` or
    `lower` of a metric that is neither), else `not decided`; it is empty where there is no p-value.
    """

    run: str
    row: Row
    baseline: Row
    difference: Difference
    p_holm: float = NAN

    def __repr__(self) -> str:
        """Return the two numbers and their difference on one line."""
        row, found = self.row, self.difference
        sides = f"{row.model} on {row.dataset}/{row.domain}, {row.calibration}"
        interval = f"{found.value:+.4g} ({found.low:+.4g} to {found.high:+.4g})"
        return f"Compared({row.metric} of {sides}: {interval}, {self.verdict or 'no verdict'})"

    @property
    def verdict(self) -> str:
        """Whether the row is better or worse than the baseline, as far as that is decided."""
        found = self.difference
        if math.isnan(self.p_holm):
            return ""
        if found.note or self.p_holm >= 1 - LEVEL:
            return "not decided"
        known = known_quantities().get(self.row.metric)
        if known is None or known.better == "neither":
            return "higher" if found.value > 0 else "lower"
        return "better" if (found.value > 0) == (known.better == "higher") else "worse"


@dataclass(frozen=True)
class Comparisons:
    """The comparisons of a metric: `by` what they were made, and the `baseline` that the others are compared with."""

    metric: str
    by: By
    baseline: str
    lines: tuple[Compared, ...]

    def __len__(self) -> int:
        return len(self.lines)

    def __iter__(self) -> Iterator[Compared]:
        return iter(self.lines)

    def __repr__(self) -> str:
        return f"Comparisons({self.metric} of {len(self)} by {self.by}, baseline {self.baseline!r})"

    def _repr_html_(self) -> str:
        """Return the table, for notebooks."""
        html: str = view("notebook.html", "comparisons_html")(self)
        return html

    def records(self) -> list[dict[str, Any]]:
        """Return the comparisons as plain dicts, ready for a DataFrame; numbers that are undefined are None."""
        return [self._record(line) for line in self.lines]

    def to_pandas(self) -> Any:
        """Return the comparisons as a pandas.DataFrame: `string`, `float64` with NaN, and `bool`."""
        return to_pandas(self._columns())

    def to_polars(self) -> Any:
        """Return the comparisons as a polars.DataFrame, with null where a number is undefined."""
        return to_polars(self._columns())

    def to_csv(self) -> str:
        """Return the table as CSV: undefined numbers are empty, floats are written to the last bit."""
        return "".join([csv_line(COLUMNS), *(csv_line(record.values()) for record in self.records())])

    def to_json(self) -> str:
        """Return the table as JSON; undefined numbers are null, and `note` says the reason."""
        content = {
            "metric": self.metric,
            "by": self.by,
            "baseline": self.baseline,
            "level": LEVEL,
            "adjusted_for": len(self),
            "comparisons": self.records(),
        }
        return json.dumps(content, indent=1, allow_nan=False)

    def _columns(self) -> dict[str, Column]:
        cells = {name: [record[name] for record in self.records()] for name in COLUMNS}
        return {name: Column(_KINDS.get(name, "text"), values) for name, values in cells.items()}

    def _record(self, line: Compared) -> dict[str, Any]:
        row, found = line.row, line.difference
        record = {
            "metric": self.metric,
            "run": line.run,
            **{
                name: getattr(row, name) for name in ("model", "dataset", "domain", "calibration", "fitted_on", "score")
            },
            "class": row.class_,
            "definition": row.definition,
            "baseline": self.baseline,
            "baseline_value": line.baseline.value,
            "value": row.value,
            "difference": found.value,
            "ci_low": found.low,
            "ci_high": found.high,
            "p": found.p,
            "p_holm": line.p_holm,
            "verdict": line.verdict,
            "paired": found.paired,
            "units": found.units,
            "note": found.note,
        }
        return {name: None if isinstance(v, float) and math.isnan(v) else v for name, v in record.items()}


def compare_runs(
    runs: Sequence[ReadRun],
    metric: str,
    *,
    by: By | None = None,
    baseline: str | None = None,
    only: Mapping[str, Sequence[str]] = {},
) -> Comparisons:
    """Return the differences of a metric to a baseline: of models, calibrations, domains or runs, by what differs.

    `only` names what of a column is compared, like `{"domain": ["camvid/dusk"]}`; the baseline need not be named.
    Without names of classes, numbers over all classes are compared, where there are any; without names of calibrations,
    means over seeds stand for their seeds. A ConfigError says what has no number, or nothing to be compared with.
    """
    entries = [Entry(row, run) for run in runs for row in run.rows if row.metric == metric]
    if not entries:
        pick_rows([row for run in runs for row in run.rows], [("metric", [metric])], "compare")
    by, baseline = choose_sides(entries, by, baseline)
    chosen = list(_chosen(entries, by, baseline, only))
    lines = list(_lines(chosen, by, baseline))
    if not lines:
        raise ConfigError(
            f"compare: {metric} has no number of {by} {baseline!r} and another {by} that differ in nothing else; "
            "name another --baseline, or compare by something else with --by"
        )
    adjusted = holm(np.array([line.difference.p for line in lines]))
    return Comparisons(
        metric,
        by,
        baseline,
        tuple(Compared(o.run, o.row, o.baseline, o.difference, float(p)) for o, p in zip(lines, adjusted, strict=True)),
    )


def _chosen(entries: Sequence[Entry], by: By, baseline: str, only: Mapping[str, Sequence[str]]) -> Iterator[Entry]:
    """Yield the entries that are compared."""
    wanted = dict(only)
    if not wanted.get("class") and any(not entry.row.class_ for entry in entries):
        wanted["class"] = [""]
    hidden = set() if wanted.get("calibration") else parts_of_means({e.row.calibration for e in entries})
    column = {name: names for name, names in wanted.items() if names}
    if by in column:
        column[by] = [*column[by], baseline]
    picked = {id(row) for row in pick_rows([entry.row for entry in entries], column.items(), "compare")}
    for entry in entries:
        if id(entry.row) in picked and (entry.row.calibration not in hidden or entry.side(by) == baseline):
            yield entry


def _lines(entries: Iterable[Entry], by: By, baseline: str) -> Iterator[Compared]:
    """Yield the comparisons, in the order of the rows."""
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.circumstances(by), []).append(entry)
    for group in groups.values():
        sides: dict[str, list[Entry]] = {}
        for entry in group:
            sides.setdefault(entry.side(by), []).append(entry)
        bases = sides.pop(baseline, [])
        for others in sides.values():
            for entry, base in _pairs(others, bases, by):
                yield Compared(entry.run.name, entry.row, base.row, _difference(entry, base))


def _pairs(entries: Sequence[Entry], bases: Sequence[Entry], by: By) -> Iterator[tuple[Entry, Entry]]:
    """Yield what is compared of one side and the baseline, which may have numbers from several splits, or runs."""
    for entry in _distinct(entries, by):
        alike = [base for base in bases if have_one_reference(entry.row, base.row)]
        same_split = [base for base in alike if base.row.fitted_on == entry.row.fitted_on]
        for base in _distinct(same_split or alike, by)[:1]:
            yield entry, base


def _distinct(entries: Sequence[Entry], by: By) -> list[Entry]:
    """Return the entries that say different things; a ConfigError where runs give one thing different numbers."""
    found: dict[tuple[object, ...], Entry] = {}
    for entry in entries:
        other = found.setdefault((entry.row.fitted_on, entry.row.reference), entry)
        if repr(other.row.value) != repr(entry.row.value):
            raise ConfigError(
                f"{entry.side(by)}: {entry.row.metric} is another number in {other.run.name} than in {entry.run.name}; "
                "compare them with --by run, or leave one out"
            )
    return list(found.values())


def _difference(entry: Entry, base: Entry) -> Difference:
    row, other = entry.row, base.row
    for one in (row, other):
        if math.isnan(one.value):
            return Difference(NAN, NAN, NAN, note=f"no value{' in the baseline' if one is other else ''}: {one.why}")
    return difference_of(row, other, entry.run.lefts(row), base.run.lefts(other))

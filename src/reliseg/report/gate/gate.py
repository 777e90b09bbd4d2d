"""A gate: conditions on the numbers of a run, and the answer to each."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reliseg.errors import ConfigError
from reliseg.report.compare.difference import Differ, Difference, have_one_reference
from reliseg.report.gate.expression import Condition
from reliseg.report.gate.judgement import Answer, Evidence, Judged, evidence_of, judge, worst
from reliseg.report.quantities import known_quantities, sign_of_worse
from reliseg.report.selection import pick_rows
from reliseg.results import NAN, Results, Row

_SAME = ("model", "dataset", "domain", "calibration", "fitted_on", "score", "metric", "class_", "definition")
"""The columns in which a row and that of the baseline agree."""


@dataclass(frozen=True)
class Verdict:
    """A condition, and what it says of each row that it means; the answers that are wanted come first: failures."""

    condition: Condition
    judged: tuple[Judged, ...]

    @property
    def answer(self) -> Answer:
        """The answer of all rows together."""
        return worst(one.answer for one in self.judged)


@dataclass(frozen=True)
class Baseline:
    """The run that another one is compared with: its name for messages, its rows, and how rows differ from them."""

    name: str
    results: Results
    differ: Differ


def gate(
    results: Results, conditions: Iterable[Condition], *, run: str = "the run", baseline: Baseline | None = None
) -> list[Verdict]:
    """Return the verdict of each condition; a ConfigError where one means no row, or cannot be judged."""
    verdicts = []
    for condition in conditions:
        _check(condition, baseline)
        wanted = [("metric", condition.quantity.metric), *condition.quantity.parts]
        rows = pick_rows(results.rows, [(column, [name]) for column, name in wanted], run)
        if condition.worse and baseline:
            judged = _compared(rows, condition, baseline)
        else:
            found = [(row, evidence_of(row)) for row in rows]
            judged = [Judged(r, e, judge(e, condition.comparison, condition.limit)) for r, e in found]
        verdicts.append(Verdict(condition, tuple(sorted(judged, key=lambda one: _ORDER.index(one.answer)))))
    return verdicts


_ORDER: Sequence[Answer] = ("fail", "undecided", "pass")


def _check(condition: Condition, baseline: Baseline | None) -> None:
    """Raise a ConfigError for a comparison with a run that is not given, and for a limit that no value can reach."""
    if condition.worse and not baseline:
        raise ConfigError(f"--fail-if {condition.text!r}: worse(..) compares with another run; give --baseline RUN")
    known = known_quantities().get(condition.quantity.metric)
    if known is None:
        return
    low, high = (known.low - known.high, known.high - known.low) if condition.worse else (known.low, known.high)
    if not low <= condition.limit <= high:
        what = "differences" if condition.worse else "values"
        raise ConfigError(
            f"--fail-if {condition.text!r}: {condition.quantity.metric} has {what} from {low:g} to {high:g}, so no run "
            f"ever reaches {condition.limit:g}; correct the limit"
        )


def _compared(rows: Sequence[Row], condition: Condition, baseline: Baseline) -> list[Judged]:
    """Return what is said of each row by how much worse it is than the same one of the baseline."""
    sign = sign_of_worse(condition.quantity.metric)
    others = {_key(row): row for row in baseline.results}
    pairs = [(row, others.get(_key(row))) for row in rows]
    pairs = [(row, other if other and have_one_reference(row, other) else None) for row, other in pairs]
    if not any(other for _, other in pairs):
        _complain_of_baseline(rows[0], baseline)
    judged = []
    for row, other in pairs:
        evidence = _evidence(row, other, baseline.differ, sign)
        judged.append(Judged(row, evidence, judge(evidence, condition.comparison, condition.limit), other))
    return judged


def _evidence(row: Row, other: Row | None, differ: Differ, sign: int) -> Evidence:
    if other is None:
        return Evidence(NAN, note="the baseline has no such row")
    if math.isnan(row.value):
        return Evidence(NAN, note=row.why)
    if math.isnan(other.value):
        return Evidence(NAN, note=f"no value in the baseline: {other.why}")
    return _of_difference(differ(row, other).times(sign))


def _of_difference(found: Difference) -> Evidence:
    if math.isnan(found.low) or math.isnan(found.high):
        return Evidence(found.value, found.lo, found.hi, note=found.note or "there is no interval of it")
    return Evidence(found.value, found.low, found.high, True, bool(found.note), found.note, found.units)


def _key(row: Row) -> tuple[object, ...]:
    return tuple(getattr(row, column) for column in _SAME)


def _complain_of_baseline(row: Row, baseline: Baseline) -> None:
    """Raise the ConfigError that says in which column the baseline has nothing like this row."""
    rows: Sequence[Row] = baseline.results.rows
    for column in (*_SAME, "reference"):
        value = getattr(row, column)
        found = [other for other in rows if getattr(other, column) == value]
        if not found:
            known = " or ".join(sorted({repr(getattr(other, column)) for other in rows})) or "nothing"
            raise ConfigError(
                f"--baseline {baseline.name}: no row to compare with; {column.rstrip('_')} is {known} there, and here "
                f"{value!r}; give a run of the same models and domains"
            )
        rows = found

"""What a condition says of one number, by all values that the number may have."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from reliseg.report.gate.expression import Comparison
from reliseg.results import NAN, Row

Answer = Literal["pass", "fail", "undecided"]


@dataclass(frozen=True)
class Evidence:
    """A number, and the range that it may lie in: its interval, or where it has none its bracket, and why.

    `value` is NaN where it is undefined, for the reason in `note`. A range that is `doubtful` is not to be relied on.
    `units` are what an interval is over, like `50 images`.
    """

    value: float
    low: float = NAN
    high: float = NAN
    is_interval: bool = False
    doubtful: bool = False
    note: str = ""
    units: str = ""


@dataclass(frozen=True)
class Judged:
    """A row, what is known of its number, and the answer. `other` is the row of the run that it is compared with."""

    row: Row
    evidence: Evidence
    answer: Answer
    other: Row | None = None


def judge(evidence: Evidence, comparison: Comparison, limit: float) -> Answer:
    """Return `pass` if the comparison holds nowhere in the range, `fail` if it does everywhere, else `undecided`.

    An undefined number fails, and one whose range is in doubt does not pass.
    """
    if math.isnan(evidence.value):
        return "fail"
    at_ends = {_holds(end, comparison, limit) for end in (evidence.low, evidence.high)}
    if len(at_ends) > 1:
        return "undecided"
    if at_ends.pop():
        return "fail"
    return "undecided" if evidence.doubtful else "pass"


def worst(answers: Iterable[Answer]) -> Answer:
    """Return the answer of all together: `fail` if one fails, else `undecided` if one is."""
    found = set(answers)
    return "fail" if "fail" in found else "undecided" if "undecided" in found else "pass"


def evidence_of(row: Row) -> Evidence:
    """Return what a row says of its number."""
    note = row.ci_note
    if math.isnan(row.value):
        return Evidence(NAN, note=row.why or "no value")
    if not math.isnan(row.ci_low) and not math.isnan(row.ci_high):
        return Evidence(row.value, row.ci_low, row.ci_high, True, bool(note), note, _units(row))
    low, high = ((row.value if math.isnan(end) else end) for end in (row.lo, row.hi))
    return Evidence(row.value, low, high, note=note or "the run has no interval of it")


def _units(row: Row) -> str:
    return f"{row.n_units} {row.ci_units}" if row.n_units else ""


def _holds(value: float, comparison: Comparison, limit: float) -> bool:
    match comparison:
        case ">":
            return value > limit
        case ">=":
            return value >= limit
        case "<":
            return value < limit
        case "<=":
            return value <= limit

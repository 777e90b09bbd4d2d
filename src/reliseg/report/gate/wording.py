"""The words for what a gate has found, which all its reports share."""

import math
from collections.abc import Sequence

from reliseg.errors import count_text
from reliseg.report.gate.gate import Verdict
from reliseg.report.gate.judgement import Answer, Evidence, Judged
from reliseg.report.selection import unsaid_split
from reliseg.results import Row

ANSWERS: Sequence[Answer] = ("fail", "undecided", "pass")
_IF_DIFFERENT = ("fitted_on", "score", "class_", "definition")
"""Columns that a row is named by where the rows of a condition differ in them."""


def number_text(value: float) -> str:
    """Return a number with five digits; a dash where there is none."""
    return "-" if math.isnan(value) else f"{value:.5g}"


def count_answers(verdict: Verdict) -> str:
    """Return how many rows have each answer: `3 rows: 1 fail, 2 pass`."""
    counts = [(sum(one.answer == answer for one in verdict.judged), answer) for answer in ANSWERS]
    return f"{count_text(len(verdict.judged), 'row')}: {', '.join(f'{n} {answer}' for n, answer in counts if n)}"


def name_rows(verdict: Verdict) -> list[str]:
    """Return what tells each row of a verdict from the others: `net camvid/dusk ts@camvid/cal`."""
    rows = [one.row for one in verdict.judged]
    shown = [column for column in _IF_DIFFERENT if len({getattr(row, column) for row in rows}) > 1]
    return [_name(row, shown) for row in rows]


def _name(row: Row, columns: Sequence[str]) -> str:
    values = {column: getattr(row, column) for column in columns} | {"fitted_on": unsaid_split(row)}
    words = [f"{column.rstrip('_')}={values[column]}" for column in columns if values[column]]
    return " ".join([row.model, f"{row.dataset}/{row.domain}", row.calibration, *words])


def range_text(evidence: Evidence) -> str:
    """Return the range that a number was judged by: an interval, or the bracket of a number without one."""
    if math.isnan(evidence.value):
        return "-"
    if not evidence.is_interval and evidence.low == evidence.high:
        return "none"
    ends = f"{number_text(evidence.low)} to {number_text(evidence.high)}"
    return ends if evidence.is_interval else f"bracket {ends}"


def reason_text(judged: Judged) -> str:
    """Return what is to be known of a number beside its range: why it has no interval, or is not to be relied on."""
    evidence, reasons = judged.evidence, []
    if math.isnan(evidence.value):
        reasons.append(f"no value: {evidence.note}")
    elif not evidence.is_interval:
        reasons.append(f"no interval: {evidence.note}")
    elif evidence.doubtful:
        reasons.append(f"the interval is in doubt: {evidence.note}")
    if judged.other is not None and not math.isnan(evidence.value):
        reasons.append(f"{number_text(judged.row.value)} after {number_text(judged.other.value)}")
    if judged.row.skipped:
        reasons.append(f"{count_text(judged.row.skipped, 'image')} of the domain could not be read")
    return "; ".join(reasons)


def explain(judged: Judged, verdict: Verdict) -> str:
    """Return what is known of a number: its value, its range, and what is to be known beside it."""
    evidence, parts = judged.evidence, []
    if not math.isnan(evidence.value):
        worse = "worse by " if verdict.condition.worse else ""
        parts.append(f"{worse}{number_text(evidence.value)}")
        if evidence.is_interval:
            units = f" over {evidence.units}" if evidence.units else ""
            parts.append(f"95 % interval {range_text(evidence)}{units}")
        elif evidence.low != evidence.high:
            parts.append(range_text(evidence))
    return "; ".join(filter(None, [", ".join(parts), reason_text(judged)]))

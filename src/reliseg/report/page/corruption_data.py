"""What the page shows of corruptions: their kinds and severities, and what they cost."""

import math
from collections.abc import Sequence
from typing import Any

from reliseg.corruptions import in_order
from reliseg.report.page.numbers import scaled_finely
from reliseg.report.page.run_files import RunFiles
from reliseg.report.page.tables import Names, Table
from reliseg.report.page.terms import HEADLINE
from reliseg.results.corruptions import ALL, MEAN, WORST, CorruptionRow

_Key = tuple[str, str, str, str, str]
"""Model, clean domain, calibration, kind, and severity."""


def corruption_data(table: Table, runs: Sequence[RunFiles], names: Names) -> dict[str, Any] | None:
    """Return kinds, severities, and the headline numbers of all combinations; None where nothing is corrupted.

    Values lie along models, domains, calibrations, kinds and severities, the last changing fastest.
    """
    rows = [
        (names.model(index, row.model), names.domain(row.dataset, row.domain), row)
        for index, run in enumerate(runs)
        for row in run.corruptions
        if row.metric in HEADLINE and row.calibration in table.calibrations
    ]
    if not rows:
        return None
    severities = sorted({row.severity for _, _, row in rows if row.severity.isdecimal()})
    places = list(dict.fromkeys(domain for _, domain, _ in rows))
    kinds = in_order(row.kind for _, _, row in rows if row.kind != ALL)
    axes = (table.models, places, table.calibrations, [*kinds, *_all_of(rows)], [*severities, MEAN, WORST])
    copies = {
        (domain, row.kind, row.severity): names.domain(row.dataset, row.at)
        for _, domain, row in rows
        if row.at and row.severity != WORST
    }
    return {
        "domains": places,
        "kinds": axes[3],
        "severities": axes[4],
        "copies": [_index(table.domains, copies.get((d, k, s))) for d in places for k in axes[3] for s in severities],
        "columns": _columns(rows, axes),
    }


def _all_of(rows: Sequence[tuple[str, str, CorruptionRow]]) -> list[str]:
    return [ALL] if any(row.kind == ALL for _, _, row in rows) else []


def _columns(rows: Sequence[tuple[str, str, CorruptionRow]], axes: tuple[list[str], ...]) -> list[dict[str, Any]]:
    """Return for each number its values, those of clean images, and where the worst ones are."""
    found: dict[tuple[str, str], dict[_Key, CorruptionRow]] = {}
    for model, domain, row in rows:
        key = (model, domain, row.calibration, row.kind, row.severity)
        found.setdefault((row.metric, row.score), {}).setdefault(key, row)
    columns = []
    for metric, score in sorted(found, key=lambda number: HEADLINE.index(number[0])):
        cells = found[metric, score]
        heads = [(m, d, c) for m in axes[0] for d in axes[1] for c in axes[2]]
        each = [cells.get((*head, kind, severity)) for head in heads for kind in axes[3] for severity in axes[4]]
        clean = [_first_clean(cells, head, axes[3]) for head in heads]
        worst = [cells.get((*head, kind, WORST)) for head in heads for kind in axes[3]]
        unit, values = scaled_finely([row.value if row else math.nan for row in each] + clean)
        columns.append(
            {
                "metric": metric,
                "score": score,
                "unit": unit,
                "value": values[: len(each)],
                "clean": values[len(each) :],
                "worst": [_place(row) for row in worst],
            }
        )
    return columns


def _first_clean(cells: dict[_Key, CorruptionRow], head: tuple[str, str, str], kinds: Sequence[str]) -> float:
    """Return the number of clean images, which is that of all kinds."""
    found = (cells.get((*head, kind, MEAN)) for kind in kinds)
    return next((row.clean for row in found if row), math.nan)


def _place(row: CorruptionRow | None) -> str:
    """Return where the worst number is: a severity, and of all kinds that of which one."""
    if row is None:
        return ""
    name = row.at.rpartition("+")[2]
    return name if row.kind == ALL else name.rpartition("-")[2]


def _index(names: Sequence[str], name: str | None) -> int:
    return names.index(name) if name in names else -1

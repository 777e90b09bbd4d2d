"""What corruptions cost: each number of corrupted domains beside that of the clean one, with means and worst cases."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple, TypeAlias

from reliseg.results.csv_text import csv_line, read_csv
from reliseg.results.names import CORRUPTIONS_FILE
from reliseg.results.rows import NAN, Row

ALL, MEAN, WORST = "all", "mean", "worst"
"""In the place of a kind: over all kinds; in that of a severity: the mean over all, and the worst one."""


class CorruptedDomain(NamedTuple):
    """What a corrupted domain is: that of clean images, and what is done to them."""

    clean: str
    kind: str
    severity: int


Corrupted: TypeAlias = Mapping[tuple[str, str], CorruptedDomain]
"""By data set and domain."""


@dataclass(frozen=True)
class CorruptionRow:
    """One line of `corruptions.csv`, where `domain` is the clean one.

    `degradation` is how much worse `value` is than `clean`; `relative` is that divided by |`clean`|, undefined where
    `clean` is 0. Of means, `value` and `degradation` are means; of worst cases they are those of the corrupted domain
    `at`.
    """

    model: str
    dataset: str
    domain: str
    calibration: str
    score: str
    metric: str
    kind: str
    severity: str
    at: str
    value: float
    clean: float
    degradation: float
    relative: float
    definition: str


@dataclass(frozen=True)
class _Case:
    domain: str
    kind: str
    severity: int
    value: float
    sign: int
    """1 where less is better, -1 where more is."""

    def degradation(self, clean: float) -> float:
        return self.sign * (self.value - clean)


def corrupted_domains(facts: Mapping[str, Any]) -> dict[tuple[str, str], CorruptedDomain]:
    """Return the corrupted domains among those of a manifest."""
    found = {}
    for name, domain in facts.get("domains", {}).items():
        if "corruption" in domain:
            dataset, _, own = name.partition("/")
            corruption = domain["corruption"]
            found[dataset, own] = CorruptedDomain(domain["clean"], corruption["kind"], corruption["severity"])
    return found


def corruption_rows(rows: Iterable[Row], corrupted: Corrupted, better: Mapping[str, str]) -> Iterator[CorruptionRow]:
    """Yield each number of corrupted domains that says which is `better`, then means and worst cases.

    Numbers of single classes are left out. Those that the clean domain does not have, as they compare with it or as it
    is not measured, stand alone.
    """
    numbers = [row for row in rows if not row.class_ and better.get(row.metric) in ("higher", "lower")]
    clean = {(row.model, row.dataset, row.domain, *_number(row)): row.value for row in numbers}
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in numbers:
        if found := corrupted.get((row.dataset, row.domain)):
            groups.setdefault((row.model, row.dataset, found.clean, *_number(row)), []).append(row)
    for key, group in groups.items():
        sign = -1 if better[group[0].metric] == "higher" else 1
        cases = [
            _Case(row.domain, at.kind, at.severity, row.value, sign)
            for row in group
            for at in [corrupted[row.dataset, row.domain]]
        ]
        yield from _rows_of(key, clean.get(key, NAN), cases)


def corruptions_text(rows: Iterable[CorruptionRow]) -> str:
    """Return the table as CSV."""
    return "".join([csv_line(_COLUMNS), *(csv_line(astuple(row)) for row in rows)])


def corrupted_of_table(rows: Iterable[CorruptionRow]) -> dict[tuple[str, str], CorruptedDomain]:
    """Return the corrupted domains that a table has numbers of."""
    single = (row for row in rows if row.severity.isdecimal() and row.at)
    return {(row.dataset, row.at): CorruptedDomain(row.domain, row.kind, int(row.severity)) for row in single}


def read_corruptions(folder: Path) -> list[CorruptionRow]:
    """Return the table of a run; no rows where nothing is corrupted."""
    path = folder / CORRUPTIONS_FILE
    if not path.exists():
        return []
    return [CorruptionRow(**{c: _read(c, text) for c, text in row.items()}) for row in read_csv(path)]


_COLUMNS = [f.name for f in fields(CorruptionRow)]
_NUMBERS = ("value", "clean", "degradation", "relative")


def _read(column: str, text: str) -> Any:
    return (float(text) if text else NAN) if column in _NUMBERS else text


def _number(row: Row) -> tuple[str, ...]:
    return row.calibration, row.score, row.metric, row.definition


def _rows_of(key: Sequence[str], clean: float, cases: Sequence[_Case]) -> Iterator[CorruptionRow]:
    """Yield the rows of one number of a model under a calibration: by kind, then over all kinds."""

    def row(kind: str, severity: object, some: Sequence[_Case], at: str = "") -> CorruptionRow:
        model, dataset, domain, calibration, score, metric, definition = key
        value, degradation = fmean(c.value for c in some), fmean(c.degradation(clean) for c in some)
        relative = degradation / abs(clean) if clean else NAN
        numbers = value, clean, degradation, relative
        return CorruptionRow(
            model, dataset, domain, calibration, score, metric, kind, str(severity), at, *numbers, definition
        )

    def together(kind: str, some: Sequence[_Case]) -> Iterator[CorruptionRow]:
        yield row(kind, MEAN, some)
        worst = _worst(some)
        yield row(kind, WORST, [worst], worst.domain)

    kinds = {kind: [case for case in cases if case.kind == kind] for kind in dict.fromkeys(c.kind for c in cases)}
    for kind, of_kind in kinds.items():
        for case in of_kind:
            yield row(kind, case.severity, [case], case.domain)
        yield from together(kind, of_kind)
    if len(kinds) > 1:
        for severity in sorted({case.severity for case in cases}):
            yield row(ALL, severity, [case for case in cases if case.severity == severity])
        yield from together(ALL, cases)


def _worst(cases: Sequence[_Case]) -> _Case:
    """Return the case with the worst value; one that is undefined, if there is one: nothing is known to be worse."""
    return max(cases, key=lambda case: math.inf if math.isnan(case.value) else case.sign * case.value)

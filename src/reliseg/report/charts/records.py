"""Plain records for charts: what stands in the rows of results, and in the states of a run's curves."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from math import isnan
from typing import Any

from reliseg.corruptions import in_order
from reliseg.report.charts.ranks import rank_correlation
from reliseg.results import Results, Row
from reliseg.results.corruptions import CorruptedDomain

Record = dict[str, Any]
State = Mapping[str, Any]
"""What curves hold of a model on a domain under a calibration."""

NO_CALIBRATION = "identity"


def interval_records(results: Results, metric: str, *, score: str = "", label: str = "") -> list[Record]:
    """Return the defined numbers of a metric, each with its interval where it has one.

    `label` is a class, or empty for the numbers over all classes. Of several definitions the first one is taken.
    """
    return [_names(row) | _number(row) for row in _rows(results, metric, score, label)]


def class_records(results: Results, metric: str, *, score: str = "") -> list[Record]:
    """Return the defined numbers of a metric for single classes."""
    rows = _rows(results, metric, score, None)
    return [_names(row) | {"class": row.class_} | _number(row) for row in rows if row.class_]


def change_records(results: Results, metric: str, *, score: str = "", better: str = "lower") -> list[Record]:
    """Return each calibrated number beside that without calibration, and whether it is better, worse or the same."""
    rows = list(_rows(results, metric, score, ""))
    before = {(r.model, r.dataset, r.domain): r.value for r in rows if r.calibration == NO_CALIBRATION}
    records = []
    for row in rows:
        value = before.get((row.model, row.dataset, row.domain))
        if row.calibration != NO_CALIBRATION and value is not None:
            change = (row.value - value) * (-1 if better == "lower" else 1)
            verdict = "better" if change > 0 else "worse" if change < 0 else "same"
            records.append(_names(row) | {"before": value} | _number(row) | {"change": verdict})
    return records


def severity_records(
    results: Results, metric: str, corrupted: Mapping[tuple[str, str], CorruptedDomain], *, score: str = ""
) -> list[Record]:
    """Return a metric of corrupted domains, under the name of the clean one, which is severity 0 of every kind."""
    rows = list(_rows(results, metric, score, ""))
    kinds: dict[tuple[str, str], list[str]] = {}
    for (dataset, _), copy in corrupted.items():
        kinds.setdefault((dataset, copy.clean), []).append(copy.kind)
    records = []
    for row in rows:
        found = corrupted.get((row.dataset, row.domain))
        place = {"domain": f"{row.dataset}/{found.clean}"} if found else {}
        for kind in [found.kind] if found else in_order(kinds.get((row.dataset, row.domain), ())):
            case = {"kind": kind, "severity": found.severity if found else 0}
            records.append(_names(row) | place | case | _number(row))
    there = {(r["domain"], r["kind"]) for r in records if r["severity"]}
    order = in_order(r["kind"] for r in records)
    shown = [r for r in records if (r["domain"], r["kind"]) in there]
    return sorted(shown, key=lambda r: (order.index(r["kind"]), r["severity"]))


def against_records(results: Results, metric: str, *, score: str = "", accuracy: str = "miou") -> list[Record]:
    """Return accuracy beside a reliability metric, for each model, domain and calibration that has both.

    `series` is the domain; where it has five models and more, with Spearman's rank correlation of both over models.
    """
    side = {_key(row): row for row in _rows(results, accuracy, "", "")}
    records = []
    for row in _rows(results, metric, score, ""):
        other = side.get(_key(row))
        if other is not None:
            of_accuracy = {f"accuracy{key.removeprefix('value')}": v for key, v in _bare(_number(other)).items()}
            records.append(_names(row) | of_accuracy | _bare(_number(row)))
    return _with_correlations(records)


def reliability_records(states: Iterable[State]) -> list[Record]:
    """Return the bins of reliability diagrams that hold pixels: mean confidence, accuracy, and the share of pixels."""
    records = []
    for state in states:
        bins = state["reliability"]
        total = sum(bins["pixels"])
        columns = (bins[key] for key in ("low", "high", "pixels", "right", "confidence"))
        for low, high, pixels, right, confidence in zip(*columns, strict=True):
            if pixels:
                records.append(
                    _state_names(state)
                    | {"low": low, "high": high, "pixels": pixels, "share": pixels / total}
                    | {"confidence": confidence / pixels, "accuracy": right / pixels}
                )
    return records


def risk_records(states: Iterable[State], score: str) -> list[Record]:
    """Return risk-coverage curves, each with that of an oracle that rejects wrong pixels first, and that of chance."""
    records = []
    for state in _with_score(states, score):
        curve = state["scores"][score]["risk_coverage"]
        error = state["scores"][score]["error_rate"]
        oracle = sorted({*(c for c in curve["coverage"] if c > 1 - error), 1 - error, 1.0})
        lines = {
            "this score": zip(curve["coverage"], curve["risk"], strict=True),
            "oracle": [(0.0, 0.0), *((c, _oracle_risk(c, error)) for c in oracle if c)],
            "chance": [(0.0, error), (1.0, error)],
        }
        for kind, points in lines.items():
            for coverage, risk in points:
                records.append(_state_names(state) | {"kind": kind, "coverage": coverage, "risk": risk})
    return records


def histogram_records(states: Iterable[State], score: str) -> list[Record]:
    """Return histograms of a score, of right and of wrong pixels, of known and of unknown ones where there are both.

    `share` is that of the pixels of its own group: each group makes 1.
    """
    records = []
    for state in _with_score(states, score):
        histogram = state["scores"][score]["histogram"]
        right, wrong, unknown = (list(histogram[key]) for key in ("right", "wrong", "unknown"))
        known = [r + w for r, w in zip(right, wrong, strict=True)]
        pairs = {"right and wrong": {"right": right, "wrong": wrong}}
        if sum(unknown):
            pairs["known and unknown"] = {"known": known, "unknown": unknown}
        for pair, groups in pairs.items():
            for group, counts in groups.items():
                total = sum(counts)
                for (low, high), pixels in zip(pairwise(histogram["edges"]), counts, strict=True):
                    bar = {"pair": pair, "group": group, "low": low, "high": high, "pixels": pixels}
                    records.append(_state_names(state) | bar | {"share": pixels / total if total else 0.0})
    return records


def confusion_records(states: Iterable[State]) -> list[Record]:
    """Return the cells of confusion matrices: pixels of a true class, and their share among those of that class.

    Classes that neither occur nor are predicted are left out; `other` is what the data set has no class for.
    """
    records = []
    for state in states:
        names = [*state["labels"], "other"]
        rows = state["confusion"]
        predicted = [sum(row[i] for row in rows) for i in range(len(rows[0]))] if rows else []
        occurs = [sum(row) > 0 for row in rows]
        for i, row in enumerate(rows):
            for j, pixels in enumerate(row):
                is_shown = predicted[j] > 0 or (j < len(occurs) and occurs[j])
                if occurs[i] and is_shown:
                    cell = {"truth": names[i], "predicted": names[j], "pixels": pixels}
                    records.append(_state_names(state) | cell | {"share": pixels / sum(row)})
    return records


def _oracle_risk(coverage: float, error: float) -> float:
    return max(0.0, (coverage - (1 - error)) / coverage)


def _with_score(states: Iterable[State], score: str) -> Iterator[State]:
    return (state for state in states if score in state["scores"])


def _rows(results: Results, metric: str, score: str, label: str | None) -> Iterator[Row]:
    """Yield the defined rows of the first definition of each origin; of all classes where `label` is None."""
    definitions: dict[tuple[str, ...], str] = {}
    for row in results:
        if row.metric == metric and row.score == score and (label is None or row.class_ == label) and not row.why:
            first = definitions.setdefault((*_key(row), row.reference, row.fitted_on, row.class_), row.definition)
            if first == row.definition:
                yield row


def _key(row: Row) -> tuple[str, ...]:
    return (row.model, row.dataset, row.domain, row.calibration)


def _names(row: Row) -> Record:
    return {"model": row.model, "domain": f"{row.dataset}/{row.domain}", "calibration": row.calibration}


def _state_names(state: State) -> Record:
    domain = f"{state['dataset']}/{state['domain']}"
    return {"model": state["model"], "domain": domain, "calibration": state["calibration"]}


def _number(row: Row) -> Record:
    number = row.record()
    interval = {"low": number["ci_low"], "high": number["ci_high"]}
    return {"value": row.value} | interval | {"interval": _text(row), "images": row.n_images, "note": row.ci_note}


def _text(row: Row) -> str:
    """Return an interval in words; none where there is none: a number would be shown in its place."""
    return "none" if isnan(row.ci_low) or isnan(row.ci_high) else f"{row.ci_low:.4f} to {row.ci_high:.4f}"


def _bare(number: Record) -> Record:
    """Return value and interval, under the names that a point with two numbers has: `value`, `value_low`, .."""
    return {"value": number["value"]} | {f"value_{key}": number[key] for key in ("low", "high", "interval")}


def _with_correlations(records: list[Record]) -> list[Record]:
    texts = {}
    for domain, calibration in dict.fromkeys((r["domain"], r["calibration"]) for r in records):
        points = [r for r in records if (r["domain"], r["calibration"]) == (domain, calibration)]
        rho = rank_correlation([r["accuracy"] for r in points], [r["value"] for r in points])
        texts[domain, calibration] = domain if rho is None else f"{domain} (ρ = {rho:.2f})".replace("-", "−")
    return [r | {"series": texts[r["domain"], r["calibration"]]} for r in records]

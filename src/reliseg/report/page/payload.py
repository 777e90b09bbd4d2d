"""The data of the page: a head with the numbers of all states, and for each model what is drawn of it alone."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from reliseg.report.page.curve_data import curve_record
from reliseg.report.page.differences import Differences
from reliseg.report.page.image_data import worst_images
from reliseg.report.page.numbers import scaled, scaled_finely
from reliseg.report.page.run_files import RunFiles
from reliseg.report.page.tables import Names, Number, State, Table, by_state, run_titles
from reliseg.report.page.terms import HEADLINE, INSTEAD, OF_CLASSES, terms
from reliseg.results import Row

_COMPARED = 500
"""With more states, the page compares intervals instead of differences: reading these would take minutes."""
_IMAGES = 2400
"""So many lines the page holds of all images: the worst ones of each state."""


def head(table: Table, runs: Sequence[RunFiles]) -> dict[str, Any]:
    """Return what the page needs at once: names, numbers, what they mean, and what is missing."""
    models, domains, calibrations = table.models, table.domains, table.calibrations
    states = ordered_states(table)
    notes: dict[str, int] = {"": 0}
    scores = list(dict.fromkeys(score for _, score in table.numbers if score))
    columns = [_column(table, states, number, notes) for number in table.numbers]
    if len(models) > 1 and len(states) <= _COMPARED:
        _compare(Differences(table, runs), states, columns)
    first = [next(iter(table.states[s].values())) for s in states]
    return {
        "runs": [
            {"name": name, "missing": list(run.missing)} for name, run in zip(run_titles(runs), runs, strict=True)
        ],
        "models": models,
        "domains": domains,
        "references": [_index(domains, table.references.get(d)) for d in domains],
        "calibrations": calibrations,
        "scores": scores,
        "headline": _headline(table.numbers),
        "states": {
            "model": [models.index(s.model) for s in states],
            "domain": [domains.index(s.domain) for s in states],
            "calibration": [calibrations.index(s.calibration) for s in states],
            "images": [row.n_images for row in first],
            "skipped": [row.skipped for row in first],
        },
        "columns": columns,
        "notes": list(notes),
        "terms": terms(dict.fromkeys([*(metric for metric, _ in table.numbers), *OF_CLASSES])),
    }


def ordered_states(table: Table) -> list[State]:
    """Return the states, those of a model together."""
    return [s for model in table.models for s in table.states if s.model == model]


def parts(table: Table, runs: Sequence[RunFiles], names: Names) -> list[dict[str, Any]]:
    """Return for each model what is drawn of it: single classes, curves, worst images; by the numbers of states."""
    curves = by_state(table, runs, names, RunFiles.placed_curves)
    images = by_state(table, runs, names, RunFiles.placed_images)
    states = ordered_states(table)
    each = max(3, min(24, _IMAGES // max(1, len(states))))
    made: dict[str, dict[str, Any]] = {model: {"classes": {}, "curves": {}, "images": {}} for model in table.models}
    for index, state in enumerate(states):
        part, key = made[state.model], str(index)
        if state in table.classes:
            part["classes"][key] = _classes(table.classes[state])
        if state in curves:
            part["curves"][key] = curve_record(curves[state][0])
        if state in images:
            part["images"][key] = worst_images(images[state][0], each)
    return list(made.values())


def _column(table: Table, states: Sequence[State], number: Number, notes: dict[str, int]) -> dict[str, Any]:
    """Return one number of all states: value and interval in one unit, and what is to be said of it."""
    rows = [table.states[state].get(number) for state in states]
    found = [row for row in rows if row]
    values = [_number(row, "value") for row in rows]
    unit, in_unit = scaled_finely(values + [_number(row, name) for row in rows for name in ("ci_low", "ci_high")])
    n = len(rows)
    return {
        "metric": number[0],
        "score": number[1],
        "definition": found[0].definition,
        "unit": unit,
        "value": in_unit[:n],
        "low": in_unit[n::2],
        "high": in_unit[n + 1 :: 2],
        "note": [notes.setdefault(_note(row), len(notes)) for row in rows],
    }


def _compare(differences: Differences, states: Sequence[State], columns: Sequence[dict[str, Any]]) -> None:
    """Add to the headline numbers whether each model is decidedly worse than the best."""
    for column in columns:
        if column["metric"] in HEADLINE:
            apart = differences.apart_from_best(column["metric"], column["score"])
            column["apart"] = [apart.get(state) for state in states]


def _number(row: Row | None, name: str) -> float:
    return math.nan if row is None else float(getattr(row, name))


def _note(row: Row | None) -> str:
    """Return why a number is not there, or what is to be said of its interval."""
    if row is None:
        return "not measured"
    return row.why or str(getattr(row, "ci_note", ""))


def _headline(numbers: Sequence[Number]) -> list[list[str]]:
    """Return the columns of the first table: each metric with the first score that it has."""
    chosen: dict[str, str] = {}
    for metric, score in numbers:
        chosen.setdefault(metric, score)
    shown = [metric for metric in HEADLINE if metric in chosen and INSTEAD.get(metric) not in chosen]
    return [[metric, chosen[metric]] for metric in shown]


def _index(names: Sequence[str], name: str | None) -> int:
    return names.index(name) if name in names else -1


def _classes(rows: Mapping[Number, Row]) -> dict[str, Any]:
    """Return the numbers of single classes: a list for each metric, along the classes."""
    labels = list(dict.fromkeys(label for _, label in rows))
    made: dict[str, Any] = {"labels": labels}
    for metric in OF_CLASSES:
        of_metric = [rows.get((metric, label)) for label in labels]
        if any(of_metric):
            values = [_number(row, name) for name in ("value", "ci_low", "ci_high") for row in of_metric]
            unit, in_unit = scaled(values)
            n = len(labels)
            made[metric] = {"unit": unit, "value": in_unit[:n], "low": in_unit[n : 2 * n], "high": in_unit[2 * n :]}
    return made

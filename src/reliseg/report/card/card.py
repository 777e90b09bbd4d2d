"""The reliability card as JSON: the headline numbers of a run with their intervals, and what they were measured on."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from reliseg.intervals import LEVEL
from reliseg.registry import shipped_files
from reliseg.report.quantities import known_quantities
from reliseg.report.table import parts_of_means
from reliseg.results import Row

FORMAT, VERSION = "reliseg-reliability-card", 1

OVERALL = (
    *("miou", "pixel_accuracy", "image_miou", "worst10_miou", "drop_miou"),
    *("ece", "classwise_ece", "drop_ece", "nll", "brier"),
    *("auroc", "prr", "aurc", "fpr95", "risk95", "transfer_risk95", "transfer_coverage95"),
    *("promised_share", "kept_share", "coverage", "accepted_risk"),
    *("ood_auroc", "ood_fpr95_out", "local_ood_auroc", "local_ood_fpr95_out"),
)
"""Numbers of a card over all classes, in their order: segmentation, calibration, found errors, unknown things."""
BY_CLASS = ("iou", "class_ece", "confident_error99")
_PLACE = ("model", "dataset", "domain", "reference", "calibration", "fitted_on")


def schema_file() -> Path:
    """Return the file of the JSON Schema that every card satisfies."""
    return shipped_files(__package__, "*.schema.json")[f"reliability-card-{VERSION}.schema"]


def reliability_card(rows: Sequence[Row], provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return the card of these rows of a run; `provenance` is what its results say of how they were made.

    Of a calibration with several seeds it has the mean. Paths and other facts of the machine are not in it.
    """
    hidden = parts_of_means({row.calibration for row in rows})
    kept = [row for row in rows if row.calibration not in hidden and _is_on_card(row)]
    models = list(dict.fromkeys(row.model for row in rows))
    return {
        "format": FORMAT,
        "version": VERSION,
        "reliseg": _text(_part(provenance, "versions"), "reliseg"),
        "protocol": _text(_part(provenance, "protocol"), "name"),
        "models": [_model(name, _part(_part(provenance, "models"), name)) for name in models],
        "results": [_place(list(group)) for group in _by_place(kept)],
    }


def card_text(card: Mapping[str, Any]) -> str:
    """Return a card as a file holds it."""
    return json.dumps(card, indent=1, allow_nan=False) + "\n"


def _is_on_card(row: Row) -> bool:
    return row.metric in (BY_CLASS if row.class_ else OVERALL)


def _by_place(rows: Iterable[Row]) -> Iterable[list[Row]]:
    """Yield the rows of each place: `transfer_*` of a calibration that changes nothing have one for each split."""

    def key(row: Row) -> tuple[str, ...]:
        return tuple(getattr(row, column) for column in _PLACE)

    order = {place: i for i, place in enumerate(dict.fromkeys(map(key, rows)))}
    for _, group in groupby(sorted(rows, key=lambda row: order[key(row)]), key=key):
        yield list(group)


def _place(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the entry of one place; numbers in the order of the card."""
    first, order = rows[0], [*OVERALL, *BY_CLASS]
    return {
        **{column: getattr(first, column) for column in _PLACE},
        "images": first.n_images,
        "skipped": first.skipped,
        "pixels": first.n_pixels,
        "numbers": [_number(row) for row in sorted(rows, key=lambda row: order.index(row.metric))],
    }


def _number(row: Row) -> dict[str, Any]:
    known = known_quantities().get(row.metric)
    is_sure = not math.isnan(row.ci_low) and not math.isnan(row.ci_high)
    interval = {"low": row.ci_low, "high": row.ci_high, "level": LEVEL, "units": row.ci_units, "n": row.n_units}
    return {
        "metric": row.metric,
        "class": row.class_,
        "score": row.score,
        "definition": row.definition,
        "better": known.better if known else None,
        "value": None if math.isnan(row.value) else row.value,
        "why": row.why,
        "bracket": None if math.isnan(row.lo) or math.isnan(row.hi) else [row.lo, row.hi],
        "interval": interval if is_sure else None,
        "interval_note": row.ci_note,
    }


def _model(name: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of a model: its kind, its size, and hashes by which it can be told."""
    parameters, files = facts.get("parameters"), _part(facts, "files").values()
    return {
        "name": name,
        "kind": _text(facts, "kind"),
        "parameters": parameters if isinstance(parameters, int) and not isinstance(parameters, bool) else None,
        "weights_sha256": _text(facts, "state_sha256"),
        "files_sha256": sorted({value for value in files if isinstance(value, str)}),
    }


def _part(facts: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = facts.get(name)
    return value if isinstance(value, Mapping) else {}


def _text(facts: Mapping[str, Any], name: str) -> str | None:
    value = facts.get(name)
    return value if isinstance(value, str) else None

"""The reliability card as the `model-index` section of a model card of Hugging Face."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from reliseg.report.card.card import OVERALL

_NAMES = {
    "miou": ("mean_iou", "mIoU"),
    "pixel_accuracy": ("accuracy", "Pixel accuracy"),
    "ece": ("expected_calibration_error", "ECE"),
    "nll": ("nll", "NLL"),
    "brier": ("brier_score", "Brier score"),
    "auroc": ("roc_auc", "AUROC of errors"),
    "prr": ("prr", "PRR"),
    "ood_auroc": ("roc_auc", "AUROC of other domains"),
    "local_ood_auroc": ("roc_auc", "AUROC of unknown pixels"),
}
"""What others call a metric, and its title; both are the metric's own name where nothing is said here."""
_TASK = {"type": "image-segmentation", "name": "Semantic segmentation"}


def model_index(card: Mapping[str, Any]) -> str:
    """Return the `model-index` of a card as YAML: numbers over all classes, of one score, each with its interval.

    Undefined numbers are left out: a model card has no place for their reason.
    """
    models = [
        {"name": model["name"], "results": list(_results(card["results"], model["name"]))} for model in card["models"]
    ]
    return yaml.safe_dump({"model-index": models}, sort_keys=False, allow_unicode=True, width=120)


def _results(results: Iterable[Mapping[str, Any]], model: str) -> Iterator[dict[str, Any]]:
    """Yield an entry for each domain, with its numbers under all calibrations."""
    domains: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for result in results:
        if result["model"] == model:
            domains.setdefault((result["dataset"], result["domain"]), []).append(result)
    for (dataset, domain), own in domains.items():
        metrics = [metric for result in own for metric in _metrics(result)]
        if metrics:
            yield {
                "task": dict(_TASK),
                "dataset": {"type": dataset, "name": f"{dataset} {domain}", "split": domain},
                "metrics": metrics,
            }


def _metrics(result: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the numbers of a domain under one calibration, of the first score and definition that each has."""
    seen: set[str] = set()
    for number in result["numbers"]:
        metric = number["metric"]
        if metric in seen or metric not in OVERALL or number["class"]:
            continue
        seen.add(metric)
        if number["value"] is None:
            continue
        kind, title = _NAMES.get(metric, (metric, metric))
        yield {
            "type": kind,
            "name": f"{title} ({result['calibration']})",
            "value": number["value"],
            "args": _arguments(number, result),
        }


def _arguments(number: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of a number beside its value; what is empty is left out."""
    found = {name: number[name] for name in ("metric", "definition", "score")}
    found |= {name: result[name] for name in ("calibration", "fitted_on", "reference", "images", "skipped")}
    if number["interval"]:
        found["interval"] = dict(number["interval"])
    found["interval_note"] = number["interval_note"]
    return {name: value for name, value in found.items() if value not in ("", None, 0)}

"""What the page says of a metric: a short title, what it means, its unit, and which direction is better."""

from collections.abc import Iterable
from typing import Any

from reliseg.report.quantities import known_quantities
from reliseg.report.titles import title_of, unit_of

HEADLINE = ("miou", "ece", "prr", "ood_auroc", "kept_share", "transfer_risk95")
"""The columns of the first table."""
INSTEAD = {"transfer_risk95": "kept_share"}
"""Columns that another one takes the place of, where it is there: it says the same better."""
SHOWN = (
    *HEADLINE,
    *("pixel_accuracy", "drop_miou", "drop_ece", "nll", "brier", "ada_ece", "ks", "mce_floor", "classwise_ece"),
    *("auroc", "fpr95", "aurc", "augrc", "risk95", "transfer_coverage95", "local_ood_auroc", "local_ood_fpr95_out"),
    *("promised_share", "coverage", "accepted_risk"),
    *("image_miou", "worst5_miou", "worst10_miou", "image_ece", "flip_rate"),
)
"""The numbers over all classes that the page holds."""
OF_CLASSES = ("iou", "class_share", "class_ece", "confident_error90", "confident_error99")
"""The numbers of single classes that the page holds."""

_PLAIN = {
    "miou": "How well the predicted areas overlap the true ones, averaged over classes.",
    "ece": "How far confidence lies from accuracy, on average over pixels. 0: confidence can be taken at its word.",
    "prr": "How well confidence ranks wrong pixels below right ones. 100: perfectly; 0: no better than chance.",
    "ood_auroc": "How well an image's mean confidence tells the reference domain from this one. 0.5: not at all.",
    "kept_share": "Share of an image that is accepted and wrong, on average over images, at the threshold that was "
    "chosen to keep a promise. Above the promised share the promise is broken here.",
    "transfer_risk95": "Share of errors among the accepted pixels, with the threshold that gave 5 % on the calibration "
    "split. Above 0.05 the promise of that split does not hold here.",
    "transfer_coverage95": "Share of pixels accepted at the threshold that gave 5 % errors on the calibration split.",
}


def terms(metrics: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return what the page says of each metric, by name."""
    return {name: _term(name) for name in metrics}


def _term(name: str) -> dict[str, Any]:
    quantity = known_quantities().get(name)
    term: dict[str, Any] = {"title": title_of(name), "unit": unit_of(name)}
    if quantity:
        low, high = (bound if abs(bound) < 1e9 else None for bound in (quantity.low, quantity.high))
        term |= {"text": quantity.text, "better": quantity.better, "low": low, "high": high}
    else:
        term |= {"text": "", "better": "neither", "low": None, "high": None}
    return term | {"plain": _PLAIN.get(name, "")}

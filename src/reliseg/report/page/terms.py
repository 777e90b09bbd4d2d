"""What the page says of a metric: a short title, what it means, its unit, and which direction is better."""

from collections.abc import Iterable
from typing import Any

from reliseg.report.quantities import known_quantities

HEADLINE = ("miou", "ece", "prr", "ood_auroc", "transfer_risk95")
"""The columns of the first table."""
SHOWN = (
    *HEADLINE,
    *("pixel_accuracy", "drop_miou", "drop_ece", "nll", "brier", "ada_ece", "ks", "mce_floor", "classwise_ece"),
    *("auroc", "fpr95", "aurc", "augrc", "risk95", "transfer_coverage95", "local_ood_auroc", "local_ood_fpr95_out"),
    *("image_miou", "worst5_miou", "worst10_miou", "image_ece", "flip_rate"),
)
"""The numbers over all classes that the page holds."""
OF_CLASSES = ("iou", "class_share", "class_ece", "confident_error90", "confident_error99")
"""The numbers of single classes that the page holds."""

_TITLES = {
    "miou": "mIoU",
    "ece": "ECE",
    "prr": "PRR",
    "ood_auroc": "OOD AUROC",
    "transfer_risk95": "Risk at threshold",
    "transfer_coverage95": "Kept at threshold",
    "pixel_accuracy": "Pixel accuracy",
    "drop_miou": "Drop of mIoU",
    "drop_ece": "Rise of ECE",
    "nll": "NLL",
    "brier": "Brier score",
    "ada_ece": "Adaptive ECE",
    "ks": "KS error",
    "mce_floor": "MCE (bins of 0.1 % or more)",
    "classwise_ece": "Class-wise ECE",
    "auroc": "AUROC",
    "fpr95": "FPR95",
    "aurc": "AURC",
    "augrc": "AUGRC",
    "risk95": "Risk at 95 % coverage",
    "local_ood_auroc": "Unknown-pixel AUROC",
    "local_ood_fpr95_out": "Unknown-pixel FPR95",
    "image_miou": "mIoU per image",
    "worst5_miou": "mIoU of the worst 5 % of images",
    "worst10_miou": "mIoU of the worst 10 % of images",
    "image_ece": "ECE per image",
    "flip_rate": "Changed predictions",
    "iou": "IoU",
    "class_share": "Share of pixels",
    "class_ece": "ECE of the class",
    "confident_error90": "Wrong above 0.90",
    "confident_error99": "Wrong above 0.99",
}
_PLAIN = {
    "miou": "How well the predicted areas overlap the true ones, averaged over classes.",
    "ece": "How far confidence lies from accuracy, on average over pixels. 0: confidence can be taken at its word.",
    "prr": "How well confidence ranks wrong pixels below right ones. 100: perfectly; 0: no better than chance.",
    "ood_auroc": "How well an image's mean confidence tells the reference domain from this one. 0.5: not at all.",
    "transfer_risk95": "Share of errors among the accepted pixels, with the threshold that gave 5 % on the calibration "
    "split. Above 0.05 the promise of that split does not hold here.",
    "transfer_coverage95": "Share of pixels accepted at the threshold that gave 5 % errors on the calibration split.",
}
_UNITS = {"prr": "%", "nll": "nats"}


def terms(metrics: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return what the page says of each metric, by name."""
    return {name: _term(name) for name in metrics}


def _term(name: str) -> dict[str, Any]:
    quantity = known_quantities().get(name)
    term: dict[str, Any] = {"title": _TITLES.get(name, name), "unit": _UNITS.get(name, "")}
    if quantity:
        low, high = (bound if abs(bound) < 1e9 else None for bound in (quantity.low, quantity.high))
        term |= {"text": quantity.text, "better": quantity.better, "low": low, "high": high}
    else:
        term |= {"text": "", "better": "neither", "low": None, "high": None}
    return term | {"plain": _PLAIN.get(name, "")}

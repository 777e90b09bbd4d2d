"""Short titles of metrics, and their units."""

_TITLES = {
    "miou": "mIoU",
    "ece": "ECE",
    "mce": "MCE",
    "prr": "PRR",
    "ood_auroc": "OOD AUROC",
    "transfer_risk95": "Risk at threshold",
    "transfer_coverage95": "Kept at threshold",
    "promised_share": "Promised share",
    "kept_share": "Accepted and wrong",
    "coverage": "Accepted",
    "accepted_risk": "Errors among the accepted",
    "pixel_accuracy": "Pixel accuracy",
    "mean_class_accuracy": "Mean class accuracy",
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
    "estimated_miou": "Estimated mIoU",
    "confident_error90": "Wrong above 0.90",
    "confident_error99": "Wrong above 0.99",
}
_UNITS = {"prr": "%", "nll": "nats"}


def title_of(metric: str) -> str:
    """Return the title of a metric; its name where it has none."""
    return _TITLES.get(metric, metric)


def unit_of(metric: str) -> str:
    """Return the unit of a metric's numbers in results; empty where they have none."""
    return _UNITS.get(metric, "")

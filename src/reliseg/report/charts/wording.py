"""What axes and legends say: metrics and scores in plain English, with their units and the better direction."""

from reliseg.report.quantities import known_quantities

_METRICS = {
    "miou": "mIoU",
    "iou": "IoU",
    "pixel_accuracy": "pixel accuracy",
    "mean_class_accuracy": "mean class accuracy",
    "image_miou": "mIoU of an image, mean",
    "ece": "ECE",
    "mce": "MCE",
    "ada_ece": "adaptive ECE",
    "class_ece": "ECE of a class",
    "classwise_ece": "class-wise ECE",
    "image_ece": "ECE of an image, mean",
    "ks": "KS error",
    "nll": "NLL (nats per pixel)",
    "brier": "Brier score",
    "auroc": "AUROC, right from wrong",
    "prr": "PRR (%)",
    "fpr95": "FPR at 95 % TPR",
    "aurc": "AURC",
    "ood_auroc": "AUROC, images in and out of domain",
    "local_ood_auroc": "AUROC, known from unknown pixels",
    "transfer_risk95": "error rate at the 95 % threshold",
    "transfer_coverage95": "share accepted at the 95 % threshold",
    "confident_error90": "wrong with confidence above 0.90",
    "confident_error99": "wrong with confidence above 0.99",
}
_SCORES = {
    "msp": "confidence (maximum softmax probability)",
    "neg_entropy": "negative entropy (nats)",
    "margin": "margin of the two largest probabilities",
    "max_logit": "largest logit",
    "neg_energy": "negative energy (nats)",
}


def better_direction(metric: str) -> str:
    """Return `higher`, `lower` or `neither`, which is also said of metrics that are not known here."""
    quantity = known_quantities().get(metric)
    return quantity.better if quantity else "neither"


def metric_title(metric: str, score: str = "") -> str:
    """Return the title of an axis: the metric, its score unless that is the usual one, and which way is better."""
    better = better_direction(metric)
    by = f" by {score}" if score and score != "msp" else ""
    return f"{_METRICS.get(metric, metric)}{by}" + (f", {better} is better" if better != "neither" else "")


def score_title(score: str) -> str:
    """Return the title of an axis of a score, with its unit."""
    return _SCORES.get(score, score)

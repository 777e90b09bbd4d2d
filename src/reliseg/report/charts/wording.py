"""What axes and legends say: metrics and scores in plain English, with their units and the better direction."""

from reliseg.report.quantities import known_quantities
from reliseg.report.titles import title_of, unit_of

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
    """Return the title of an axis: the metric, its unit, its score unless that is usual, and which way is better."""
    better = better_direction(metric)
    by = f" by {score}" if score and score != "msp" else ""
    unit = f" ({unit_of(metric)})" if unit_of(metric) else ""
    return f"{title_of(metric)}{unit}{by}" + (f", {better} is better" if better != "neither" else "")


def score_title(score: str) -> str:
    """Return the title of an axis of a score, with its unit."""
    return _SCORES.get(score, score)

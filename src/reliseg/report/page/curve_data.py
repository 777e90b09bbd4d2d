"""What the page draws of one state, from a record of `curves.json`."""

from collections.abc import Sequence
from typing import Any

from reliseg.report.page.numbers import rounded_count, steps, whole
from reliseg.results.curves import DomainCurves, ScoreCurves

SHARE = 1e-4
"""The unit of shares, accuracies and confidences."""
CELL = 1e-3
"""The unit of shares in the confusion matrix."""
_FINE = 1e-4
"""The unit of risks."""
_HEIGHT = 160
"""The unit of a histogram's bars is this part of the highest."""


def curve_record(record: DomainCurves) -> dict[str, Any]:
    """Return the record with whole numbers: shares in ten thousandths, risks too, counts rounded."""
    table, bins = record.confusion, record.reliability
    return {
        "labels": list(record.labels),
        "totals": [rounded_count(sum(row)) for row in table],
        "confusion": [whole(_shares(row, sum(row)), CELL) for row in table],
        "reliability": {
            "low": whole(bins.low, SHARE),
            "high": whole(bins.high, SHARE),
            "pixels": [rounded_count(n) for n in bins.pixels],
            "accuracy": whole(_ratios(bins.right, bins.pixels), SHARE),
            "confidence": whole(_ratios(bins.confidence, bins.pixels), SHARE),
        },
        "scores": {name: _score(score) for name, score in record.scores.items()},
    }


def mean_gap(record: DomainCurves) -> tuple[float, float] | None:
    """Return the mean confidence and the accuracy of a state; None without pixels."""
    bins = record.reliability
    total = sum(bins.pixels)
    return (sum(bins.confidence) / total, sum(bins.right) / total) if total else None


def _score(score: ScoreCurves) -> dict[str, Any]:
    curve, histogram = score.risk_coverage, score.histogram
    counts = {"wrong": histogram.wrong, "right": histogram.right, "unknown": histogram.unknown}
    made: dict[str, Any] = {
        "coverage": steps([round(c / SHARE) for c in curve.coverage]),
        "risk": steps([round(r / _FINE) for r in curve.risk]),
        "error_rate": score.error_rate,
        "edges": [float(f"{edge:.4g}") for edge in histogram.edges],
    }
    for kind, values in counts.items():
        if sum(values):
            unit = max(values) / _HEIGHT
            made[kind] = {"unit": unit, "total": sum(values), "counts": [round(n / unit) for n in values]}
    return made


def _ratios(sums: Sequence[float], counts: Sequence[float]) -> list[float]:
    return [s / n if n else float("nan") for s, n in zip(sums, counts, strict=True)]


def _shares(values: Sequence[float], total: float) -> list[float]:
    return [v / total if total else 0.0 for v in values]

"""Metrics: pure functions of statistics -> named numbers with brackets."""

from reliseg.metrics.base import METRICS, DomainState, ImageSummary, Metric, Quantity, compute_values

__all__ = ["METRICS", "DomainState", "ImageSummary", "Metric", "Quantity", "compute_values"]

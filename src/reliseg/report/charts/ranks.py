"""Spearman's rank correlation of the few numbers that a chart shows."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

LEAST = 5
"""A correlation of fewer points says nothing."""


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return Spearman's rank correlation in [-1, 1]; None for fewer than 5 points, or where one side is constant."""
    if len(first) < LEAST or len(set(first)) < 2 or len(set(second)) < 2:
        return None
    return float(np.corrcoef(rankdata(first), rankdata(second))[0, 1])

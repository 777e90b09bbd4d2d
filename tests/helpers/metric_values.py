"""What a metric gives for a world, and what the world's pixels are."""

import numpy as np

from helpers.worlds import World
from reliseg.metrics import Metric
from reliseg.results import Value

UNITS = 6e-8
"""Each pixel's value is rounded to units of 2**-24, which moves a mean by at most 3e-8, and MCE's too; twice that."""


def values_of(metric: Metric, each: World) -> dict[tuple[str, str], Value]:
    """Return the values of a metric by name and class."""
    return {(v.metric, v.label): v for v in metric.compute(each.domain(), None)}


def known_pixels(each: World) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return msp, whether it is right, truth and guess of each known pixel."""
    known = each.known
    return each.confidence("msp")[known], each.right[known], each.truth[known].astype(int), each.guess[known]


def image_means(each: World, score: str, *, known_only: bool) -> np.ndarray:
    """Return the mean score of each image, over its known pixels or over all."""
    value = each.confidence(score)
    chosen = each.known if known_only else np.ones(len(value), bool)
    return np.array([value[chosen & (each.image == i)].mean() for i in np.unique(each.image)])

"""Checks of what a model gives, as the ends of error lines."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float

from reliseg.labels import LabelSpace
from reliseg.stats import DeviceLogits

_SUM_TOLERANCE = 0.01
"""How far the sum of a pixel's probabilities may be from 1: many classes, rounded to float16 or bfloat16."""


def class_count_problem(classes: int, labels: LabelSpace) -> str | None:
    """Return the end of an error line if a model's number of classes is not its label space's."""
    if classes == len(labels):
        return None
    return (
        f"gives {classes} classes, label space {labels.name} has {len(labels)}; "
        "set labels to the classes it was trained with"
    )


def logits_problem(logits: Float[np.ndarray, "..."] | DeviceLogits, labels: LabelSpace) -> str | None:
    """Return the end of an error line if an array is not C x h x w, of logits, with the label space's classes."""
    if logits.ndim != 3 or 0 in logits.shape:
        return f"gives logits of shape {shape_text(logits.shape)}, not classes x height x width"
    return class_count_problem(logits.shape[0], labels) or _probability_problem(logits)


def _probability_problem(logits: Float[np.ndarray, "c h w"] | DeviceLogits) -> str | None:
    """Return the end of an error line if the output is non-negative and sums to 1 in each pixel.

    A single class is never refused: it has no softmax that could be left out.
    """
    values = logits.tensor if isinstance(logits, DeviceLogits) else logits
    if len(values) == 1 or not bool(values.min() >= 0) or float(values.max()) > 1 + _SUM_TOLERANCE:
        return None
    if float(abs(values.sum(0) - 1).max()) > _SUM_TOLERANCE:
        return None
    return "gives probabilities, not logits; leave out the softmax, or give log(max(p, 1e-7))"


def shape_text(shape: Iterable[int]) -> str:
    """Write a shape as `19 x 45 x 60`."""
    return " x ".join(map(str, shape)) or "a single number"

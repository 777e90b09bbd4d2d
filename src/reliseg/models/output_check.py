"""Checks of what a model gives, as the ends of error lines."""

from typing import Any

import numpy as np

from reliseg.errors import shape_text
from reliseg.labels import LabelSpace
from reliseg.stats import DeviceLogits
from reliseg.stats.rows import Rows
from reliseg.types import Float, Float32

_SUM_TOLERANCE = 0.01
"""How far the sum of a pixel's probabilities may be from 1: many classes, rounded to float16 or bfloat16."""
_OVERSHOOT = 0.25
"""How far bicubic resizing may carry probabilities below 0 or above 1; their sum stays 1."""
_CONSTANT = 0.05
"""How far the sums of pixels are from the middle, at most, where probabilities were scaled and rounded."""
_MUCH = 4
"""How much more a class varies than such sums do. Where an image is of one color, both are nearly constant."""
_SPARSE = 8
"""Of every so many rows and columns one is looked at first."""
_SUM_TO_ONE = "they sum to 1 in each pixel"
_WAY_OUT = "leave out the softmax, or say what they are, values: probabilities"


def class_count_problem(classes: int, labels: LabelSpace) -> str | None:
    """Return the end of an error line if a model's number of classes is not its label space's."""
    if classes == len(labels):
        return None
    return (
        f"gives {classes} classes, label space {labels.name} has {len(labels)}; "
        "set labels to the classes it was trained with"
    )


def logits_problem(
    logits: Float[np.ndarray, "..."] | DeviceLogits | Rows, labels: LabelSpace, *, stated: bool = False
) -> str | None:
    """Return the end of an error line if an array is not C x h x w, of logits, with the label space's classes.

    `stated` says that somebody who knows the model calls them logits: what only looks like probabilities is accepted.
    """
    problem = array_problem("logits", logits, labels)
    if problem or isinstance(logits, Rows):
        return problem
    values = logits.tensor if isinstance(logits, DeviceLogits) else logits
    sign = _sign_of_probabilities(values)
    if sign is None:
        return None
    if sign is not _SUM_TO_ONE:
        return None if stated else f"gives probabilities, not logits ({sign}); {_WAY_OUT}, or logits if they are logits"
    return f"gives probabilities, not logits ({sign}); {_WAY_OUT}"


def probabilities_problem(probabilities: Float[np.ndarray, "..."], labels: LabelSpace) -> str | None:
    """Return the end of an error line if an array is not C x h x w, of probabilities, with the label space's classes.

    They are at least 0, and sum to 1 in each pixel, but for the rounding of many classes to float16 or bfloat16.
    """
    problem = array_problem("probabilities", probabilities, labels)
    if problem:
        return problem
    sums = probabilities.sum(axis=0, dtype=np.float32)
    if not probabilities.min() >= 0:
        worst = np.argmin(np.nan_to_num(probabilities, nan=-np.inf))
        c, y, x = np.unravel_index(worst, probabilities.shape)
        return (
            f"gives {float(probabilities[c, y, x]):.4g} as a probability, of class {c} in row {y}, column {x}; "
            "give numbers from 0 to 1, or say values: logits if they are logits"
        )
    off = abs(sums - 1)
    if off.max() <= _SUM_TOLERANCE:
        return None
    y, x = np.unravel_index(np.argmax(off), off.shape)
    return (
        f"gives probabilities that sum to {float(sums[y, x]):.4g} in row {y}, column {x}, and not to 1 within "
        f"{_SUM_TOLERANCE}; give the softmax over the classes as floating-point numbers, unrounded"
    )


def array_problem(
    content: str, array: Float[np.ndarray, "..."] | DeviceLogits | Rows, labels: LabelSpace
) -> str | None:
    """Return the end of an error line if an array has other axes, or other classes; `content` is what it is called."""
    if array.ndim != 3 or 0 in array.shape:
        return f"gives {content} of shape {shape_text(array.shape)}, not classes x height x width"
    return class_count_problem(array.shape[0], labels)


def _sign_of_probabilities(values: Any) -> str | None:
    """Return what shows that these are probabilities (an array or a tensor of classes x h x w), or None.

    Networks may end in a ReLU, so it is not enough that nothing is negative. Where all classes are equal in every
    pixel, both readings say the same. Pixels in which all is 0, as padding is, are not looked at.
    """
    low, high = float(values.min()), float(values.max())
    if low < -_OVERSHOOT or (low < 0 and high > 1 + _OVERSHOOT) or not high > 0:
        return None
    if high > 1 and not _sums_are_constant(_used(_as_array(values[:, ::_SPARSE, ::_SPARSE])).sum(axis=0)):
        return None  # most networks that end in a ReLU: what a few pixels refute needs no further look
    used = _used(_as_array(values))
    sums = used.sum(axis=0)
    if abs(sums - 1).max() <= _SUM_TOLERANCE:
        return _SUM_TO_ONE
    if low < 0 or not (used != used[0]).any():
        return None
    if high <= 1:
        return "all values are from 0 to 1"
    varies = float(np.ptp(used, axis=1).max())
    if _sums_are_constant(sums) and varies >= _MUCH * np.ptp(sums) and varies > 0:
        return f"none is negative, and they sum to about {float(sums.mean()):.4g} in each pixel"
    return None


def _as_array(values: Any) -> Float32[np.ndarray, "c h w"]:
    return np.asarray(values.cpu() if hasattr(values, "cpu") else values, np.float32)


def _used(array: Float32[np.ndarray, "c h w"]) -> Float32[np.ndarray, "c p"]:
    """Return the pixels in which not all is 0."""
    return array[:, (array != 0).any(axis=0)]


def _sums_are_constant(sums: Float32[np.ndarray, " p"]) -> bool:
    """Tell if all are within 5 % of a number in their middle; if some of them are not, all are not."""
    return not len(sums) or float(sums.max()) * (1 - _CONSTANT) <= float(sums.min()) * (1 + _CONSTANT)

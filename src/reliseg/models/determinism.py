"""Does a model give an image the same logits each time, and beside another image those that it gives it alone?"""

import numpy as np

from reliseg.models.base import Input, Model
from reliseg.models.calling import predict_with
from reliseg.prediction import Prediction
from reliseg.stats import DeviceLogits
from reliseg.stats.rows import Rows

_ROUNDING = 0.01
"""The share of the largest logit by which rounding may change logits, where sums have other orders."""


def determinism_notes(model: Model, source: Input, beside: Input | None = None, *, name: str = "") -> list[str]:
    """Predict an image twice, and beside another of its size if one is given; return what a user should know, as lines.

    On a CPU any difference between two predictions counts, on a GPU one of over 1 % of the largest logit. Beside
    another image sums may have another order, so 1 % is allowed there on every device. Errors of the model are its own.
    """
    if not model.reads_images:
        return []
    [first] = predict_with(model, [source], name)
    [second] = predict_with(model, [source], name)
    allowed = _ROUNDING if isinstance(first.logits, DeviceLogits) else 0.0
    difference = logit_difference(first, second)
    if difference > allowed:
        return [
            f"gives {source.id} other logits the second time (by up to {difference:.2g} of the largest), so results "
            "are not repeatable; something is random at evaluation: dropout that ignores eval(), or a forward that "
            "calls train()"
        ]
    if beside is None:
        return []
    [batched, _] = predict_with(model, [source, beside], name)
    difference = logit_difference(first, batched)
    if difference > _ROUNDING:
        return [
            f"gives {source.id} other logits beside another image than alone (by up to {difference:.2g} of the "
            "largest), so results depend on batch; a normalisation may be in training mode"
        ]
    return []


def logit_difference(one: Prediction, other: Prediction) -> float:
    """Return the largest difference of two predictions' logits, as a share of the largest; 1 for other shapes."""
    first, second = (_maps(p) for p in (one, other))
    if [a.shape for a in first] != [b.shape for b in second]:
        return 1.0
    difference, largest = 0.0, 0.0
    for a, b in zip(first, second, strict=True):  # a class at a time: a copy of all would be as large as an image
        if not np.array_equal(a, b, equal_nan=True):
            difference = max(difference, _largest(a.astype(np.float64) - b))
        largest = max(largest, _largest(a), _largest(b))
    if difference == 0:
        return 0.0
    return difference / largest if np.isfinite(difference) and np.isfinite(largest) else 1.0


def _maps(prediction: Prediction) -> list[np.ndarray]:
    """Return the logits of each class; of rows what they are computed from."""
    logits = prediction.logits
    return [part for array in (logits.arrays() if isinstance(logits, Rows) else [np.asarray(logits)]) for part in array]


def _largest(values: np.ndarray) -> float:
    """Return the largest magnitude; infinity where one is no number."""
    largest = float(abs(values).max())
    return largest if np.isfinite(largest) else np.inf

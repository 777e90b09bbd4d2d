"""What the kinds of models share, without torch."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image as Pillow

from reliseg.errors import ModelError
from reliseg.labels import LabelSpace, label_space_names
from reliseg.models.base import ModelOptions
from reliseg.stats import DeviceLogits
from reliseg.types import Image

BILINEAR = int(Pillow.Resampling.BILINEAR)
_SUM_TOLERANCE = 0.01
"""How far the probabilities of a pixel may be from 1 in all: those of many classes, rounded to float16 or bfloat16."""


def required_labels(options: ModelOptions) -> LabelSpace:
    """The label space that the options name; a ModelError where they name none."""
    if options.labels is None:
        names = ", ".join(label_space_names())
        raise ModelError(f"model {options.name}: give labels, the classes it predicts ({names}, or a .toml file)")
    return options.labels


def class_problem(classes: int, labels: LabelSpace) -> str | None:
    """The end of an error line where a model's number of classes is not its label space's."""
    if classes == len(labels):
        return None
    return (
        f"gives {classes} classes, label space {labels.name} has {len(labels)}; "
        "set labels to the classes it was trained with"
    )


def logits_problem(logits: Float[np.ndarray, "..."] | DeviceLogits, labels: LabelSpace) -> str | None:
    """The end of an error line where an array is not C x h x w, of logits, with the classes of the label space."""
    if logits.ndim != 3 or 0 in logits.shape:
        return f"gives logits of shape {shape_text(logits.shape)}, not classes x height x width"
    return class_problem(logits.shape[0], labels) or _probability_problem(logits)


def _probability_problem(logits: Float[np.ndarray, "c h w"] | DeviceLogits) -> str | None:
    """Said of an output that is non-negative and sums to 1 in each pixel. One class has no softmax to leave out."""
    values = logits.tensor if isinstance(logits, DeviceLogits) else logits
    if len(values) == 1 or not bool(values.min() >= 0) or float(values.max()) > 1 + _SUM_TOLERANCE:
        return None
    if float(abs(values.sum(0) - 1).max()) > _SUM_TOLERANCE:
        return None
    return "gives probabilities, not logits; leave out the softmax, or give log(max(p, 1e-7))"


def shape_text(shape: Iterable[int]) -> str:
    """A shape as `19 x 45 x 60`."""
    return " x ".join(map(str, shape)) or "a single number"


def sha256s(paths: Iterable[Path]) -> dict[str, str]:
    """The SHA-256 of each file."""
    digests = {}
    for path in paths:
        with path.open("rb") as file:
            digests[path.as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def resized(image: Image, size: tuple[int, int], resample: int = BILINEAR) -> UInt8[np.ndarray, "h w 3"]:
    """The image at size (h, w); Pillow's filters widen when they shrink, so nothing aliases."""
    if image.shape[:2] == size:
        return image
    return np.asarray(Pillow.fromarray(image).resize((size[1], size[0]), Pillow.Resampling(resample)))

"""What stands in an exported file beside the graph, as JSON values."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np

from reliseg.deploy.export.comparison import Agreement
from reliseg.deploy.export.graph import OUTPUTS
from reliseg.deploy.export.wishes import Size, Wishes
from reliseg.deploy.predictor import Predictor

FORMAT = 1
"""Raised when names of inputs, outputs or facts change."""
_INPUTS = {
    "image": "8-bit RGB, as it is: what the model does to images is inside",
    "logits": "logits of the network at its own stride, in the order of its classes",
    "probabilities": "probabilities of the network at its own stride, in the order of its classes",
    "feature": "the feature of each image that the calibration reads",
}
_MAPS = {
    "classes": "uint8, id of the predicted class; 255 is a class that the data set does not have",
    "confidence": "float32, calibrated probability of the predicted class",
    "accepted": "bool, whether the pixel is at least as sure as the threshold",
}


def outputs_of(predictor: Predictor) -> tuple[str, ...]:
    """Return the names of the maps: without a threshold nothing is accepted or rejected."""
    return OUTPUTS if predictor.acceptance.last is not None else OUTPUTS[:2]


def facts_of(
    predictor: Predictor,
    wishes: Wishes,
    inputs: Mapping[str, np.ndarray],
    agreement: Agreement,
    least: Size | None,
    any_number: bool,
) -> dict[str, Any]:
    """Return the facts; `inputs` are those of one image, `least` is the least size of a file of any size."""
    facts = predictor.facts()
    labels = predictor.dataset.labels
    return {
        "format": FORMAT,
        "made_by": f"reliseg {version('reliseg')}",
        "begins_with": "logits" if wishes.head_only else "image",
        "inputs": {name: _input(predictor, name, array, wishes, any_number) for name, array in inputs.items()},
        "outputs": {
            name: {"shape": ["n", "height", "width"], "content": _MAPS[name]} for name in outputs_of(predictor)
        },
        **({"least_size": list(least)} if least else {}),
        **{key: facts[key] for key in ("model", "calibration", "acceptance")},
        "classes": list(labels.classes),
        "palette": [list(color) for color in labels.palette],
        "agreement": agreement.facts(),
    }


def _input(predictor: Predictor, name: str, array: np.ndarray, wishes: Wishes, any_number: bool) -> dict[str, Any]:
    free = {"image": {1: "height", 2: "width"}, "logits": {2: "h", 3: "w"}}.get(name, {}) if wishes.dynamic else {}
    shape = [free.get(axis, length) for axis, length in enumerate(array.shape)]
    shape[0] = "n" if any_number else array.shape[0]
    content = _INPUTS["probabilities" if name == "logits" and predictor.model.gives_probabilities else name]
    if name == "feature" and predictor.feature_layer:
        content = f"the mean over positions of what the layer {predictor.feature_layer} gives"
    if name == "image" and wishes.head_only:
        content = "8-bit RGB, at the size of the maps"
    return {"shape": shape, "type": str(array.dtype), "content": content}

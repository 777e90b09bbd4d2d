"""The laws of models."""

import json
import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from reliseg.errors import SampleError, error_text, image_size_text
from reliseg.labels import LabelSpace
from reliseg.models import Input, Model
from reliseg.models.output_check import logits_problem
from reliseg.prediction import LOGIT_LIMIT, Prediction
from reliseg.stats import DeviceLogits
from reliseg.stats.rows import Rows
from reliseg.testing.laws import Examiner

_SIZES = ((64, 128), (96, 96))
_CLOSE = 0.01
"""The share of the largest logit that logits of one image may differ, alone and in a batch: sums have other orders."""
_CALIBRATION = ("projection", "inverse_temperatures", "transform", "pixel_factors")


def check_model(model: Model, inputs: Sequence[Input] | None = None) -> None:
    """Raise an AssertionError that names the first law of models that `model` breaks.

    It predicts `inputs`, grouped by size: by default three drawn images of 64 x 128 pixels and three of 96 x 96. A
    model that reads no images, such as one of stored predictions, needs inputs whose ids it knows.
    """
    examiner = Examiner(f"model {type(model).__name__}")
    examiner.require(
        isinstance(model, Model), "it is an object of a subclass of Model", f"its type is {type(model).__name__}"
    )
    _check_identity(examiner, model)
    if inputs is None:
        examiner.require(model.reads_images, "inputs are needed where a model reads no images", "none were given")
        inputs = drawn_inputs()
    before = model.fingerprint()
    for size, members in groupby(sorted(inputs, key=lambda i: i.size), key=lambda i: i.size):
        _check_batch(examiner, model, image_size_text(size), list(members))
    examiner.require(model.fingerprint() == before, "its fingerprint stays the same", "another one after predictions")
    _check_files(examiner, model, [i.id for i in inputs])
    if model.reads_images:
        _check_missing_image(examiner, model, inputs[0])


def drawn_inputs(each: int = 3) -> list[Input]:
    """Draw so many images of each of two sizes, smooth ones and noise."""
    g = np.random.default_rng(0)
    inputs = []
    for height, width in _SIZES:
        for i in range(each):
            coarse = g.integers(0, 256, (height // 8, width // 8, 3), np.uint8)
            image = coarse.repeat(8, axis=0).repeat(8, axis=1)
            image = image if i else g.integers(0, 256, image.shape, np.uint8)
            inputs.append(Input(f"drawn/{height}x{width}_{i}", (height, width), image))
    return inputs


def _check_identity(examiner: Examiner, model: Model) -> None:
    labels = getattr(model, "labels", None)
    examiner.require(
        isinstance(labels, LabelSpace),
        "labels is the LabelSpace of its classes",
        f"its type is {type(labels).__name__}",
    )
    with examiner.calling("provenance", "a loaded model"):
        facts = model.provenance()
    with examiner.calling("json.dumps", "provenance()"):
        text = json.dumps(facts, sort_keys=True, allow_nan=False)
    examiner.require(isinstance(facts, dict), "provenance() is a dict", f"its type is {type(facts).__name__}")
    strange = [f for f, digest in facts.get("files", {}).items() if not re.fullmatch("[0-9a-f]{64}", str(digest))]
    examiner.require(not strange, "files of provenance() maps each file to its sha256", f"no sha256: {strange}")
    again = json.dumps(model.provenance(), sort_keys=True)
    examiner.require(text == again, "provenance() is the same each time", f"{text}, then {again}")
    one, two = model.fingerprint(), model.fingerprint()
    plain = isinstance(one, str) and bool(one)
    examiner.require(plain and one == two, "fingerprint() is one text, the same each time", f"{one!r}, then {two!r}")


def _check_batch(examiner: Examiner, model: Model, case: str, inputs: list[Input]) -> None:
    images = [np.array(i.image) for i in inputs]
    batch = _predict(examiner, model, f"{len(inputs)} images of {case}", inputs)
    for source, image in zip(inputs, images, strict=True):
        unchanged = np.array_equal(image, np.array(source.image))
        examiner.require(unchanged, "predict() does not change images", f"it changed {source.id}")
    for source, prediction in zip(inputs, batch, strict=True):
        _check_prediction(examiner, model, source, prediction)
    again = _predict(examiner, model, f"{len(inputs)} images of {case}, again", inputs)
    reverse = _predict(examiner, model, f"{len(inputs)} images of {case}, in reverse order", inputs[::-1])[::-1]
    for place, source in enumerate(inputs):
        logits = _logits(batch[place])
        examiner.require(
            np.array_equal(logits, _logits(again[place])),
            "the same images have the same logits each time, to the last bit",
            f"{source.id} has others the second time",
        )
        [alone] = _predict(examiner, model, f"{source.id} alone", [source])
        for law, other in {
            "predictions stand in the order of the inputs": reverse[place],
            "an image alone has the logits that it has in a batch, but for rounding": alone,
        }.items():
            difference = _difference(logits, _logits(other))
            examiner.require(
                difference <= _CLOSE, law, f"logits of {source.id} differ by {difference:.2g} of the largest"
            )


def _predict(examiner: Examiner, model: Model, case: str, inputs: Sequence[Input]) -> list[Prediction]:
    with examiner.calling("predict", case):
        predictions = model.predict(inputs)
    number = len(predictions)
    examiner.require(number == len(inputs), "predict() gives one prediction for each input", f"on {case} {number}")
    return list(predictions)


def _check_prediction(examiner: Examiner, model: Model, source: Input, prediction: Prediction) -> None:
    examiner.require(
        isinstance(prediction, Prediction),
        "predict() gives Predictions",
        f"the type of one is {type(prediction).__name__}",
    )
    values = prediction.logits
    if not isinstance(values, DeviceLogits | Rows):
        examiner.require(
            isinstance(values, np.ndarray), "logits are a NumPy array", f"their type is {type(values).__name__}"
        )
        examiner.require(values.dtype == np.float32, "logits are float32", f"those of {source.id} are {values.dtype}")
    examiner.require(
        prediction.is_of_probabilities == model.gives_probabilities,
        "gives_probabilities says whether predictions are made by Prediction.of_probabilities",
        f"it is {model.gives_probabilities}, and that of {source.id} is not",
    )
    problem = logits_problem(values, model.labels)
    examiner.require(
        problem is None, "logits are classes x height x width, one class for each label", f"a prediction {problem}"
    )
    problem = prediction.problem()
    examiner.require(problem is None, f"logits are finite, {LOGIT_LIMIT:.0f} at most", f"{source.id}: {problem}")
    examiner.require(
        prediction.size == source.size,
        "the size of a prediction is that of the image",
        f"{prediction.size} for {source.id} of {source.size}",
    )
    set_ = [name for name in _CALIBRATION if getattr(prediction, name) is not None]
    examiner.require(
        not set_, "a model neither projects nor calibrates its predictions", f"{', '.join(set_)} of {source.id} is set"
    )
    feature = prediction.feature
    plain = feature is None or (feature.ndim == 1 and feature.dtype == np.float32 and np.isfinite(feature).all())
    examiner.require(plain, "a feature is one finite float32 vector, or None", f"that of {source.id} is {feature!r}")


def _logits(prediction: Prediction) -> np.ndarray:
    return np.asarray(prediction.logits)


def _difference(first: np.ndarray, second: np.ndarray) -> float:
    """Return the largest difference as a share of the largest logit; infinite where shapes differ."""
    if first.shape != second.shape:
        return np.inf
    return float(np.abs(first - second).max() / max(np.abs(first).max(), 1e-6))


def _check_files(examiner: Examiner, model: Model, ids: list[str]) -> None:
    with examiner.calling("missing", "the ids of the inputs"):
        missing = model.missing(ids)
    examiner.require(
        not missing, "missing() names only samples that it cannot predict", f"it names {missing}, which it predicted"
    )
    with examiner.calling("files", "the id of an input"):
        files = model.files(ids[0])
    paths = isinstance(files, tuple) and all(isinstance(file, Path) for file in files)
    examiner.require(paths, "files() gives a tuple of paths", f"{files!r}")


def _check_missing_image(examiner: Examiner, model: Model, source: Input) -> None:
    law = "an input that cannot be predicted, as one without its image, is a SampleError with its id"
    bare = Input("a sample without its image", source.size)
    try:
        model.predict([bare])
    except SampleError as error:
        examiner.require(error.sample == bare.id, law, f"the error names {error.sample!r}, not {bare.id!r}")
    except Exception as error:
        examiner.require(False, law, f"it raised {error_text(error)}")
    else:
        examiner.require(False, law, "it was predicted")

"""Models of any package, called so that whatever goes wrong is one line that names them."""

from collections.abc import Callable, Sequence

import numpy as np

from reliseg.errors import (
    ModelError,
    OutOfMemoryError,
    ReliSegError,
    error_text,
    image_size_text,
    lacks_memory,
    one_line,
)
from reliseg.labels import LabelSpace
from reliseg.models.base import MODELS, Input, Model, ModelOptions
from reliseg.models.output_check import array_problem
from reliseg.models.user_output import stdout_as_stderr
from reliseg.prediction import Prediction
from reliseg.registry import origin_text
from reliseg.stats import DeviceLogits
from reliseg.stats.rows import Rows

_LATER_STEPS = ("projection", "inverse_temperatures", "transform", "pixel_factors")
"""Of a prediction: what projections and calibrations set, each over what was there."""


def load_model(kind: str, options: ModelOptions) -> Model:
    """Return the model that the options describe; a ModelError or another UsageError says why it cannot be loaded."""
    loader = MODELS.get(kind)
    return model_from(loader, lambda: loader.load(options), options.name)


def model_from(kind: type[Model], load: Callable[[], Model], name: str) -> Model:
    """Return what `load` gives, a model of a kind; a ModelError where it raises anything else or gives no model."""
    try:
        with stdout_as_stderr():
            model = load()
            problem = _model_problem(model)
    except ReliSegError:
        raise
    except (Exception, SystemExit) as error:
        raise ModelError(f"model {name}: {origin_text(kind)} raised {error_text(error)}") from error
    if problem:
        raise ModelError(f"model {name}: {origin_text(kind)} gives {problem}")
    return model


def _model_problem(model: object) -> str | None:
    """Return what is given in the place of a model that can be named in results, or None."""
    if not isinstance(model, Model):
        return f"a {type(model).__name__}, which is no Model"
    if not isinstance(getattr(model, "labels", None), LabelSpace):
        return "a model without labels, the LabelSpace of its classes"
    facts = model.provenance()
    return None if isinstance(facts, dict) else f"a {type(facts).__name__} as provenance, which is no dict"


def predict_with(model: Model, inputs: Sequence[Input], name: str = "") -> list[Prediction]:
    """Return one prediction per input; a SampleError or a ModelError where that fails, whatever the model does.

    An OutOfMemoryError says which setting needs less, of the model of this name.
    """
    try:
        with stdout_as_stderr():
            predictions = list(model.predict(inputs))
    except OutOfMemoryError:
        raise
    except (Exception, SystemExit) as error:
        if lacks_memory(error):
            raise _memory_error(name or origin_text(type(model)), model, inputs, error) from error
        if isinstance(error, ReliSegError):
            raise
        raise ModelError(f"{origin_text(type(model))} raised {error_text(error)}") from error
    if len(predictions) != len(inputs):
        raise ModelError(f"{origin_text(type(model))} gives {len(predictions)} predictions for {len(inputs)} images")
    for prediction in predictions:
        problem = _problem(prediction, model)
        if problem:
            raise ModelError(f"{origin_text(type(model))} {problem}")
    return predictions


def _memory_error(name: str, model: Model, inputs: Sequence[Input], error: BaseException) -> OutOfMemoryError:
    while not isinstance(error, MemoryError) and error.__cause__ is not None:
        error = error.__cause__
    reason = one_line(error).split(". ")[0] or type(error).__name__
    images = f"{len(inputs)} images" if len(inputs) > 1 else "an image"
    if not model.reads_images:
        advice = "give fewer --workers"
    elif len(inputs) > 1:
        advice = f"set batch to less than {len(inputs)}"
    else:
        advice = "set slide to show it in windows, or in smaller ones, or set resize"
    size = image_size_text(inputs[0].size)
    return OutOfMemoryError(f"model {name}: not enough memory for {images} of {size} ({reason}); {advice}")


def _problem(prediction: Prediction, model: Model) -> str | None:
    """Return the end of an error line if a prediction has another form than the interface asks for."""
    if not isinstance(prediction, Prediction):
        return f"gives a {type(prediction).__name__} in the place of a Prediction"
    done = [name for name in _LATER_STEPS if getattr(prediction, name) is not None]
    if done:
        return (
            f"gives a Prediction with {done[0]}, a step that follows the model; apply it to the logits, or leave it out"
        )
    missing = [name for name in model.gives_scores if name not in prediction.score_maps]
    if missing:
        return f"gives a Prediction without the score {missing[0]}, which its gives_scores names"
    logits = prediction.logits
    is_array = isinstance(logits, np.ndarray) and logits.dtype == np.float32
    if not is_array and not isinstance(logits, DeviceLogits | Rows):
        kind = getattr(logits, "dtype", type(logits).__name__)
        return f"gives logits of {kind}; float32 arrays of NumPy are needed"
    return array_problem("logits", logits, model.labels)

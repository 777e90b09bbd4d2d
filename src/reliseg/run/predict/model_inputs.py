"""What a model is given of a sample, and its prediction as that of the image: data sets may resize their images."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from reliseg.data import DataSet, DecodedSample
from reliseg.errors import ModelError
from reliseg.models import FitWithin, Input, Interpolation, Model
from reliseg.models.inference.resizing import Resizing, require_library
from reliseg.prediction import Prediction
from reliseg.stats.rows import Rows, ScoreMaps


class SeesImages(Protocol):
    """A model, or what is known of one."""

    @property
    def reads_images(self) -> bool:
        """Tell if it predicts from images."""

    @property
    def resizes(self) -> bool:
        """Tell if it brings images to a size of its own."""


_INTERPOLATION: Interpolation = "opencv"
"""By which images of data sets are resized."""


def model_input(model: Model, dataset: DataSet, loaded: DecodedSample) -> Input:
    """Return the sample as a model gets it: its image at the size of the data set, unless one of them has another."""
    if loaded.image is None or not uses_size_of(model, dataset):
        return Input(loaded.sample.id, loaded.size, loaded.image)
    image = resizing_of(dataset)(loaded.image)
    return Input(loaded.sample.id, (image.shape[0], image.shape[1]), image)


def size_of_input(model: Model, dataset: DataSet, size: tuple[int, int]) -> tuple[int, int]:
    """Return the height and width at which a model gets an image of this size of a data set."""
    return resizing_of(dataset).size_for(size) if uses_size_of(model, dataset) else size


def uses_size_of(model: SeesImages, dataset: DataSet) -> bool:
    """Tell if a model gets the images of a data set at the size that this names."""
    return dataset.resize is not None and model.reads_images and not model.resizes


def check_size_of(model: Model, dataset: DataSet) -> None:
    """Raise a UsageError if it is not clear which size a model gets, or if what resizes its images is not there."""
    if uses_size_of(model, dataset):
        require_library(_INTERPOLATION, f"resize of data set {dataset.name}")


def prediction_of_image(prediction: Prediction, size: tuple[int, int]) -> Prediction:
    """Return what was predicted at another size as the prediction of an image of this size (height, width).

    A ModelError if scores came with it that do not say how they are brought to that size.
    """
    if prediction.size == size:
        return prediction
    if prediction.probabilities is not None:
        given = prediction.probabilities
        return Prediction.of_probabilities(given, size, prediction.align_corners, prediction.feature)
    logits = prediction.logits
    scores = prediction.score_maps
    if scores and not isinstance(scores, ScoreMaps):
        raise ModelError(
            "gives scores of an image at another size; leave out resize of the data set, or give ScoreMaps"
        )
    return replace(
        prediction,
        size=size,
        logits=logits.brought_to(size) if isinstance(logits, Rows) else logits,
        score_maps=scores.brought_to(size) if isinstance(scores, ScoreMaps) else {},
    )


def resizing_of(dataset: DataSet) -> Resizing:
    """Return how images of a data set are brought to its size."""
    size = dataset.resize
    return Resizing(FitWithin(**size) if isinstance(size, Mapping) else size, interpolation=_INTERPOLATION)

"""What a model is given of a sample, and its prediction as that of the image: data sets may resize their images."""

from dataclasses import replace

from reliseg.data import DataSet, DecodedSample
from reliseg.models import Input, Model
from reliseg.models.inference.resizing import resize_image
from reliseg.prediction import Prediction
from reliseg.stats.rows import Rows


def model_input(model: Model, dataset: DataSet, loaded: DecodedSample) -> Input:
    """Return the sample as a model gets it: its image at the size of the data set, if that names one."""
    if dataset.resize is None or loaded.image is None or not model.reads_images:
        return Input(loaded.sample.id, loaded.size, loaded.image)
    return Input(loaded.sample.id, dataset.resize, resize_image(loaded.image, dataset.resize))


def prediction_of_image(prediction: Prediction, size: tuple[int, int]) -> Prediction:
    """Return what was predicted at another size as the prediction of an image of this size (height, width)."""
    if prediction.size == size:
        return prediction
    if prediction.probabilities is not None:
        given = prediction.probabilities
        return Prediction.of_probabilities(given, size, prediction.align_corners, prediction.feature)
    logits = prediction.logits
    return replace(prediction, size=size, logits=logits.brought_to(size) if isinstance(logits, Rows) else logits)

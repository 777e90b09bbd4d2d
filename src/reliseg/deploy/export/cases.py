"""Images with what the predictor says of them, and what an exported file is given for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reliseg.deploy.export.comparison import Agreement, compare, without_calibration
from reliseg.deploy.export.files import GraphFile
from reliseg.deploy.export.graph import reads_feature, reads_image
from reliseg.deploy.export.wishes import HEAD_ONLY, Size, Wishes
from reliseg.deploy.heads.head import Head
from reliseg.deploy.inputs import read_image
from reliseg.deploy.predictor import Predictor
from reliseg.errors import ModelError, SampleError, error_text, image_size_text
from reliseg.prediction import Prediction
from reliseg.run.predict.stream import predict_batch
from reliseg.stats.rows import Rows
from reliseg.types import Image


@dataclass(frozen=True, eq=False)
class Case:
    """A batch of images of one size."""

    predictions: Sequence[Prediction]
    inputs: Mapping[str, np.ndarray]
    """Of the file, by name."""

    @property
    def size(self) -> Size:
        """Of the images."""
        return self.predictions[0].size


@dataclass(frozen=True, eq=False)
class Cases:
    """Makes batches, and compares what a file gives for them."""

    predictor: Predictor
    head: Head
    wishes: Wishes

    def of(self, images: Sequence[Image]) -> Case:
        """Return images of one size with their predictions; a ModelError where the model refuses them."""
        predictor, predictions = self.predictor, list[Prediction]()
        for image in images:  # one by one: what a network gives may depend on its neighbours
            _, decoded = read_image(predictor.dataset, 1, image)
            (outcome,) = predict_batch(predictor.model, [decoded], predictor.dataset, predictor.name)
            if isinstance(outcome, SampleError):
                raise ModelError(outcome.problem)
            predictions.append(outcome.prediction)
        if reads_feature(self.head) and any(prediction.feature is None for prediction in predictions):
            raise ModelError(
                f"model {predictor.name} gives no feature of images, which {predictor.calibration_name} needs; name a "
                "layer of the network in its configuration, feature: LAYER"
            )
        return Case(predictions, self._inputs(images, predictions))

    def agreement(self, file: GraphFile, case: Case) -> Agreement:
        """Compare the maps of a file with the predictor's."""
        maps, total = self._run(file, case), Agreement()
        for i, prediction in enumerate(case.predictions):
            result = self.predictor.calibrate("image", prediction)
            own = {name: part[i] for name, part in maps.items()}
            total += compare(self.predictor, result, without_calibration(prediction, result), own)
        return total

    def _run(self, file: GraphFile, case: Case) -> dict[str, np.ndarray]:
        try:
            return file.run(case.inputs)
        except Exception as error:  # of whatever runs the file
            raise ModelError(
                f"model {self.predictor.name}: the exported graph cannot be run for an image of "
                f"{image_size_text(case.size)} ({error_text(error)}); give --size, or {HEAD_ONLY}"
            ) from error

    def _inputs(self, images: Sequence[Image], predictions: Sequence[Prediction]) -> dict[str, np.ndarray]:
        stack = np.stack(images)
        if not self.wishes.head_only:
            return {"image": stack}
        inputs = {"logits": np.stack([_native(prediction) for prediction in predictions])}
        features = [prediction.feature for prediction in predictions]
        if reads_feature(self.head):
            inputs["feature"] = np.stack([np.asarray(f, np.float32) for f in features if f is not None])
        if reads_image(self.head) or self.wishes.dynamic:
            inputs["image"] = stack
        return inputs


def _native(prediction: Prediction) -> np.ndarray:
    """Return logits at the model's own stride, or probabilities in their place, as a head takes them."""
    if prediction.probabilities is not None:
        return np.asarray(prediction.probabilities, np.float32)
    if not isinstance(prediction.logits, Rows):
        return np.asarray(prediction.logits, np.float32)
    maps = prediction.logits.rows(slice(None))
    return np.exp(maps) if prediction.is_of_probabilities else maps

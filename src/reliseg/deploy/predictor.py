"""A model with one of its calibrations: images in, calibrated maps out, on the way that a run takes."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from reliseg.calibration import Calibration
from reliseg.calibration.records.record import Record
from reliseg.data import DataSet, DecodedSample
from reliseg.deploy.acceptance import Acceptance
from reliseg.deploy.fitted_model import identity_of
from reliseg.deploy.inputs import Images, Source, read_image
from reliseg.deploy.result import CalibratedImage
from reliseg.errors import CalibrationError, ModelError, SampleError
from reliseg.labels import Projection
from reliseg.models import Input, Model
from reliseg.models.calling import predict_with
from reliseg.models.image_predictor import GRAY, TRIAL_SIZES
from reliseg.prediction import Prediction
from reliseg.run.predict.stream import predict_batch, prefetch
from reliseg.runtime.malloc import keep_freed_memory
from reliseg.runtime.process.openmp import end_idle_threads

if TYPE_CHECKING:
    from reliseg.deploy.heads.head import Head

_Read: TypeAlias = tuple[str, DecodedSample]
_THREADS = 2
"""That read images ahead of the model."""


@dataclass(frozen=True, eq=False)
class Predictor:
    """Images -> calibrated results, with the numbers that the run has measured.

    Call it with an image for a `CalibratedImage`; with a list, a tuple or a batch for a list of these; with a generator
    for a generator that reads two images ahead, holds one batch, and ends with it.
    """

    model: Model
    name: str
    """The model's, in its run."""
    dataset: DataSet
    """Whose classes it predicts, without images."""
    calibration_name: str
    calibration: Calibration
    record: Record | None
    """The fitted calibration as it is stored; None for the model as it is."""
    acceptance: Acceptance
    batch: int = 1
    """How many neighbours of one size the model sees at once."""
    notes: tuple[str, ...] = ()
    """What a user should know, a line each."""

    def __repr__(self) -> str:
        """Return the model, the calibration and the classes on one line."""
        return f"Predictor({self.name!r} with {self.calibration_name}: {self.dataset.labels.summary()})"

    def __call__(self, images: Any) -> Any:
        """Return the result of an image, a list for several, or a generator for a generator.

        Images are paths, 8-bit RGB arrays (height x width x 3), PIL images or tensors (3 x height x width), or arrays
        and tensors with one more axis in front. A SampleError or a ConfigError names the first image that cannot be
        predicted.
        """
        given = Images.of(images)
        if given.are_one:
            return self._predict([read_image(self.dataset, 1, source) for source in given.sources])[0]
        results = self._stream(given)
        return results if given.are_endless else list(results)

    @property
    def projection(self) -> Projection:
        """How the model's classes become those of the data set."""
        return self.dataset.projection(self.model.labels)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of their ids."""
        return tuple(self.dataset.labels.classes)

    @property
    def feature_layer(self) -> str | None:
        """The layer of the network whose pooled output is the feature that `cluster_ts` reads; None if it has none."""
        layer = self.model.provenance().get("feature")
        return str(layer) if layer else None

    def calibrate(self, name: str, prediction: Prediction) -> CalibratedImage:
        """Return the result of a projected prediction; a SampleError names one that the calibration does not fit."""
        try:
            return CalibratedImage.of(name, self.calibration(prediction), self.acceptance)
        except CalibrationError as error:
            raise SampleError(name, str(error)) from error

    def head(self) -> "Head":
        """Return the way from the network's logits to calibrated maps as a `torch.nn.Module`, on the CPU.

        It is for a loop of your own. A ConfigError where the calibration has no form in torch.
        """
        from reliseg.deploy.heads.head import Head, HeadSteps  # imports torch

        model, groups = self.model, self.projection.groups
        aligned, of_probabilities = _trial(model, self.name).align_corners, model.gives_probabilities
        classes = len(self.classes)
        return Head(HeadSteps(groups, classes, aligned, of_probabilities, self.calibration, self.acceptance))

    def facts(self) -> dict[str, Any]:
        """Return what a reader of its results must know, as JSON values: equal for predictors that do the same."""
        record = self.record
        return {
            "model": {"name": self.name} | identity_of(self.model),
            "calibration": {
                "name": self.calibration_name,
                "fitted_on": None if record is None else record.split,
                "fingerprint": self.calibration.fingerprint(),
            },
            "classes": list(self.classes),
            "projection": list(self.projection.groups),
            "resize": self.dataset.resize,
            "batch": self.batch,
            "acceptance": self.acceptance.facts(),
        }

    def _stream(self, images: Images) -> Iterator[CalibratedImage]:
        """Yield the results in order: images are read ahead of the model, and that is a batch ahead of the caller."""

        def read(numbered: tuple[int, Source]) -> _Read:
            return read_image(self.dataset, *numbered)

        end_idle_threads()
        with (
            keep_freed_memory(),
            closing(prefetch(read, images.numbered(), workers=_THREADS, max_pending=2)) as decoded,
        ):
            batches = _batches_of_one_size(decoded, self.batch)
            for results in prefetch(self._predict, batches, workers=1, max_pending=1):
                while results:
                    yield results.pop(0)  # held by nobody but the caller

    def _predict(self, batch: Sequence[_Read]) -> list[CalibratedImage]:
        """Return the results of images of one size."""
        results = []
        outcomes = predict_batch(self.model, [decoded for _, decoded in batch], self.dataset, self.name)
        for (name, _), outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, SampleError):
                raise SampleError(name, outcome.problem)
            results.append(self.calibrate(name, outcome.prediction))
        return results


def _trial(model: Model, name: str) -> Prediction:
    """Return what a model predicts of a gray image; a ModelError where it predicts none."""
    error: SampleError | None = None
    for height, width in TRIAL_SIZES:
        try:
            gray = Input(GRAY, (height, width), np.full((height, width, 3), 128, np.uint8))
            return predict_with(model, [gray], name)[0]
        except SampleError as failure:
            error = failure
    raise ModelError(f"model {name}: {error.problem if error else 'predicts nothing'}")


def _batches_of_one_size(decoded: Iterable[_Read], most: int) -> Iterator[list[_Read]]:
    """Yield neighbours of one size, at most so many."""
    batch: list[_Read] = []
    for one in decoded:
        if batch and (len(batch) == most or batch[-1][1].size != one[1].size):
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch

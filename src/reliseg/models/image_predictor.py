"""From inputs to checked predictions, for models that read images."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from reliseg.errors import ModelError, ReliSegError, SampleError, image_size_text, lacks_memory
from reliseg.labels import LabelSpace
from reliseg.models.base import Input, Model, Values
from reliseg.models.inference.modes import Inference
from reliseg.models.inference.passes import SeenPasses
from reliseg.models.inference.resizing import resize_image
from reliseg.models.output_check import logits_problem, probabilities_problem
from reliseg.models.output_shape import SeenShapes
from reliseg.models.user_output import stdout_as_stderr
from reliseg.prediction import Prediction
from reliseg.stats.rows import Rows
from reliseg.types import Image

GRAY = "gray trial image"
"""The id of the image that a model is tried on when it is loaded."""
TRIAL_SIZES = ((64, 128), (512, 1024))
"""Sizes of the image that is predicted at load time; the second is for models that refuse the first."""
Run: TypeAlias = Callable[[Sequence[Image]], list[Prediction]]
SCORES_OF_MEANS = ("neg_mutual_information", "neg_expected_entropy")
SCORES_OF_MASKS = ("rba", "no_object")
_MULTIPLE = 32
"""Networks that fail on some sizes nearly always take multiples of this."""


@dataclass(frozen=True, eq=False)
class ImagePredictor:
    """Predicts images of one size, and says in one line what went wrong.

    `run` gets the images as `inference` shows them, in parts and several times if it says so. `describe_error` turns
    what a model raises into text. `align_corners`, if it is not None, overrides that of the model's predictions. Where
    `values` says that the model gives probabilities, they are in the place of the logits of what `run` gives.
    """

    name: str
    labels: LabelSpace
    run: Run
    describe_error: Callable[[BaseException], str]
    align_corners: bool | None
    values: Values | None = None
    inference: Inference = field(default_factory=Inference)
    run_with_dropout: Callable[[Sequence[Image], int], list[Prediction]] | None = None
    """As `run`, with layers of dropout at work, whose random numbers begin with a seed."""
    of_masks: bool = False
    """Whether it classifies masks: its predictions are of probabilities, and come with scores."""
    network: object = None
    """The `Network` of torch, or the `GraphNetwork` of an ONNX graph, that `run` calls; None where there is neither."""
    _seen: SeenShapes = field(default_factory=SeenShapes)
    """Of the images that the network was given, as they were given to it."""
    _passes: SeenPasses = field(default_factory=SeenPasses)
    """Of the images that the network was given with dropout at work."""

    def __post_init__(self) -> None:
        if self.inference.dropout_passes and self.run_with_dropout is None:
            raise ModelError(f"model {self.name}: mc_dropout needs layers of dropout, and it has none; leave it out")

    def __call__(self, inputs: Sequence[Input]) -> list[Prediction]:
        """Return one prediction per input; a SampleError where one fails, a ModelError where several fail together."""
        images = [self._image(i) for i in inputs]
        if not self.inference.is_single:
            return [self._compose(image, source) for image, source in zip(images, inputs, strict=True)]
        seen = [self.inference.resizing(image) for image in images]
        outputs = self._ask(seen, inputs)
        return [self._finish(o, i, im) for o, i, im in zip(outputs, inputs, seen, strict=True)]

    @property
    def gives_probabilities(self) -> bool:
        """Tell if predictions are logarithms of probabilities: of those that it gives, of masks, or of a mean."""
        return self.values == "probabilities" or self.of_masks or self.inference.averages_probabilities

    @property
    def gives_scores(self) -> tuple[str, ...]:
        """The names of the scores that come with its predictions."""
        if self.inference.passes > 1:
            return SCORES_OF_MEANS
        return SCORES_OF_MASKS if self.of_masks else ()

    def notes(self) -> list[str]:
        """Return what a user should know of the outputs so far, a line each."""
        return [*self._seen.notes(), *self._passes.notes()]

    def forget_notes(self) -> None:
        """Forget what was noted: it was of images that nobody asked for."""
        self._seen.forget_note()
        self._passes.forget()

    def _image(self, source: Input) -> Image:
        """Return the image."""
        if source.image is None:
            raise SampleError(source.id, f"model {self.name} needs an image, and none was given")
        return source.image

    def _compose(self, image: Image, source: Input) -> Prediction:
        """Return the prediction of an image that is shown in several views, windows or passes."""
        from reliseg.kernels.rows.probabilities import ProbabilityMean
        from reliseg.models.inference.composing import compose

        prediction = compose(image, self.inference, lambda part, number: self._ask([part], [source], number)[0])
        if self.inference.dropout_passes and isinstance(prediction.logits, ProbabilityMean):
            self._passes.add(prediction.logits.members[: self.inference.dropout_passes])
        return prediction

    def _ask(self, images: Sequence[Image], sources: Sequence[Input], number: int = 0) -> list[Prediction]:
        """Run the network, and check its outputs; `number` is that of the pass over an image."""
        try:
            with stdout_as_stderr():
                outputs = self._run(images, sources[0].id, number)
        except (Exception, SystemExit) as error:
            problem = str(error) if isinstance(error, ReliSegError) else f"raised {self.describe_error(error)}"
            if len(sources) > 1:
                raise ModelError(f"model {self.name} {problem}") from error
            raise self._failure(sources[0], problem + self._size_hint(images[0], error)) from error
        return [self._check(o, i, im) for o, i, im in zip(outputs, sources, images, strict=True)]

    def _run(self, images: Sequence[Image], sample: str, number: int) -> list[Prediction]:
        if not self.inference.dropout_passes or self.run_with_dropout is None:
            return self.run(images)
        digest = hashlib.sha256(f"{self.inference.seed} {number} {sample}".encode()).digest()
        return self.run_with_dropout(images, int.from_bytes(digest[:6], "big"))

    def _check(self, output: Prediction, source: Input, image: Image) -> Prediction:
        """Return the output with the size of the network's input, the final `align_corners`, and no more than it gave.

        A SampleError if it is unfit.
        """
        seen, shape = (image.shape[0], image.shape[1]), output.logits.shape
        size = seen if isinstance(output.logits, Rows) else self.inference.padded(seen)
        self._raise(self._seen.problem(shape, len(self.labels), size), source)
        if output.logits.ndim == 3 and len(output.logits) != len(self.labels) and self._seen.sizes:
            self._raise(f"gives {len(output.logits)} classes, and {len(self.labels)} for other images", source)
        align_corners = output.align_corners if self.align_corners is None else self.align_corners
        checked = replace(output, size=size, align_corners=align_corners)
        if self.values != "probabilities":
            if output.probabilities is not None:
                self._raise("gives a Prediction of probabilities; say so, values: probabilities", source)
            self._raise(logits_problem(output.logits, self.labels, stated=self.values == "logits"), source)
        else:
            own = output.probabilities
            probabilities = np.asarray(output.logits) if own is None else own
            self._raise(probabilities_problem(probabilities, self.labels), source)
            checked = replace(checked, probabilities=probabilities)
        self._seen.add(shape, size)
        return checked

    def _finish(self, output: Prediction, source: Input, seen: Image) -> Prediction:
        """Return a checked output for the whole image as its prediction."""
        size = seen.shape[0], seen.shape[1]
        through_input = self.inference.through_input and size != source.size
        if not isinstance(output.logits, Rows) and output.size == size and not through_input:
            if output.probabilities is not None:
                aligned = output.align_corners
                return Prediction.of_probabilities(output.probabilities, source.size, aligned, output.feature)
            return replace(output, size=source.size)
        from reliseg.models.inference.composing import at_image

        return at_image(output, size, source.size, through_input=through_input)

    def _raise(self, problem: str | None, source: Input) -> None:
        if problem:
            raise self._failure(source, problem)

    def _failure(self, source: Input, problem: str) -> SampleError:
        kind = "gray image" if source.id == GRAY else "image"
        text = f"model {self.name} {problem} ({kind}: {image_size_text(source.size)})"
        return SampleError(source.id, text)

    def _size_hint(self, image: Image, error: BaseException) -> str:
        """Return the way out if the network takes the same image at another size: of multiples of 32, or known ones."""
        if isinstance(error, ReliSegError | SystemExit) or lacks_memory(error):
            return ""
        near = tuple(max(1, round(edge / _MULTIPLE)) * _MULTIPLE for edge in image.shape[:2])
        for size in dict.fromkeys([(near[0], near[1]), *self._seen.sizes]):
            if size != image.shape[:2] and self._takes(resize_image(image, size)):
                text = image_size_text(size)
                return f"; at {text} it works, so set resize: [height, width], for example {list(size)}"
        return ""

    def _takes(self, image: Image) -> bool:
        try:
            with stdout_as_stderr():
                self.run([image])
        except (Exception, SystemExit):
            return False
        return True


def check_on_gray(predictor: ImagePredictor) -> None:
    """Predict a gray image; a ModelError if that fails at all trial sizes.

    An output that only looks like probabilities is no failure here: of one color even logits are nearly constant.
    """
    problem = ""
    trial = replace(predictor, values=predictor.values or "logits")
    for height, width in TRIAL_SIZES:
        gray = np.full((height, width, 3), 128, np.uint8)
        try:
            trial([Input(GRAY, (height, width), gray)])
        except SampleError as error:
            problem = error.problem
        else:
            predictor.forget_notes()
            return
    raise ModelError(problem)


@dataclass(frozen=True, eq=False)
class ImageModel(Model):
    """A model that reads images, and predicts them with an `ImagePredictor`: what all such kinds have in common."""

    labels: LabelSpace
    predictor: ImagePredictor
    facts: dict[str, Any]
    """Files with their hashes, preprocessing and settings."""
    remarks: Callable[[], list[str]] = list
    """What a user should know besides what is suspicious in its outputs."""

    def __repr__(self) -> str:
        """Return the kind, the name and the classes on one line."""
        return f"{type(self).__name__}({self.predictor.name!r}: {self.labels.summary()})"

    def predict(self, inputs: Sequence[Input]) -> list[Prediction]:
        """Return one prediction per input."""
        return self.predictor(inputs)

    @property
    def gives_probabilities(self) -> bool:
        """Tell if its predictions are logarithms of probabilities."""
        return self.predictor.gives_probabilities

    @property
    def gives_scores(self) -> tuple[str, ...]:
        """The names of the scores that come with its predictions."""
        return self.predictor.gives_scores

    @property
    def resizes(self) -> bool:
        """Tell if images are brought to a size of the model's own."""
        return self.predictor.inference.resizing.target is not None

    def calls(self, size: tuple[int, int]) -> int:
        """Return how many times the network is asked for an image of this size."""
        return self.predictor.inference.calls(size)

    def notes(self) -> list[str]:
        """Return what is suspicious in its outputs, and what else a user should know of it."""
        return [*self.predictor.notes(), *self.remarks()]

    def provenance(self) -> dict[str, Any]:
        """Return what a result must say of the model."""
        return self.facts

"""From inputs to checked predictions, for models that read images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from reliseg.errors import ModelError, ReliSegError, SampleError, image_size_text
from reliseg.labels import LabelSpace
from reliseg.models.base import Input, Values
from reliseg.models.inference.resizing import BILINEAR, resize_image
from reliseg.models.output_check import logits_problem, probabilities_problem
from reliseg.models.output_shape import SeenShapes, Size
from reliseg.models.user_output import stdout_as_stderr
from reliseg.prediction import Prediction
from reliseg.types import Image

GRAY = "gray trial image"
"""The id of the image that a model is tried on when it is loaded."""
TRIAL_SIZES = ((64, 128), (512, 1024))
"""Sizes of the image that is predicted at load time; the second is for models that refuse the first."""
_MULTIPLE = 32
"""Networks that fail on some sizes nearly always take multiples of this."""


@dataclass(frozen=True)
class Resizing:
    """The size, (height, width), that images are brought to before a network sees them, or the rule that gives it."""

    size: Size | Callable[[Size], Size]
    resample: int = BILINEAR

    def __call__(self, image: Image) -> Image:
        """Return the image at that size."""
        height, width = image.shape[:2]
        size = self.size if isinstance(self.size, tuple) else self.size((height, width))
        return resize_image(image, size, self.resample)


@dataclass(frozen=True, eq=False)
class ImagePredictor:
    """Predicts images of one size, and says in one line what went wrong.

    `run` gets the images, resized if `resizing` says so. `describe_error` turns what a model raises into text.
    `align_corners`, if it is not None, overrides that of the model's predictions. Where `values` says that the model
    gives probabilities, they are in the place of the logits of what `run` gives.
    """

    name: str
    labels: LabelSpace
    run: Callable[[Sequence[Image]], list[Prediction]]
    describe_error: Callable[[BaseException], str]
    align_corners: bool | None
    values: Values | None = None
    resizing: Resizing | None = None
    _seen: SeenShapes = field(default_factory=SeenShapes)
    """Of the images that the network was given, as they were given to it."""

    def __call__(self, inputs: Sequence[Input]) -> list[Prediction]:
        """Return one prediction per input; a SampleError where one fails, a ModelError where several fail together."""
        images = [self._image(i) for i in inputs]
        try:
            with stdout_as_stderr():
                predictions = self.run(images)
        except (Exception, SystemExit) as error:
            problem = str(error) if isinstance(error, ReliSegError) else f"raised {self.describe_error(error)}"
            if len(inputs) > 1:
                raise ModelError(f"model {self.name} {problem}") from error
            raise self._failure(inputs[0], problem + self._size_hint(images[0], error)) from error
        return [self._check(p, i, im) for p, i, im in zip(predictions, inputs, images, strict=True)]

    def notes(self) -> list[str]:
        """Return what a user should know of the outputs so far, a line each."""
        return self._seen.notes()

    def forget_notes(self) -> None:
        """Forget what was noted: it was of images that nobody asked for."""
        self._seen.forget_note()

    def _image(self, source: Input) -> Image:
        """Return the image that the network is given."""
        if source.image is None:
            raise SampleError(source.id, f"model {self.name} needs an image, and none was given")
        return source.image if self.resizing is None else self.resizing(source.image)

    def _check(self, prediction: Prediction, source: Input, image: Image) -> Prediction:
        """Return the prediction with the input's size and the final `align_corners`; a SampleError if it is unfit."""
        size, shape = image.shape[:2], prediction.logits.shape
        self._raise(self._seen.problem(shape, len(self.labels), size), source)
        if prediction.logits.ndim == 3 and len(prediction.logits) != len(self.labels) and self._seen.sizes:
            self._raise(f"gives {len(prediction.logits)} classes, and {len(self.labels)} for other images", source)
        align_corners = prediction.align_corners if self.align_corners is None else self.align_corners
        if self.values != "probabilities":
            if prediction.probabilities is not None:
                self._raise("gives a Prediction of probabilities; say so, values: probabilities", source)
            self._raise(logits_problem(prediction.logits, self.labels, stated=self.values == "logits"), source)
            checked = replace(prediction, size=source.size, align_corners=align_corners)
        else:
            own = prediction.probabilities
            probabilities = np.asarray(prediction.logits) if own is None else own
            self._raise(probabilities_problem(probabilities, self.labels), source)
            checked = Prediction.of_probabilities(probabilities, source.size, align_corners, prediction.feature)
        self._seen.add(shape, size)
        return checked

    def _raise(self, problem: str | None, source: Input) -> None:
        if problem:
            raise self._failure(source, problem)

    def _failure(self, source: Input, problem: str) -> SampleError:
        kind = "gray image" if source.id == GRAY else "image"
        text = f"model {self.name} {problem} ({kind}: {image_size_text(source.size)})"
        return SampleError(source.id, text)

    def _size_hint(self, image: Image, error: BaseException) -> str:
        """Return the way out if the network takes the same image at another size: of multiples of 32, or known ones."""
        if isinstance(error, ReliSegError | MemoryError | SystemExit) or "memory" in str(error).lower():
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

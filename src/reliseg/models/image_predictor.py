"""From inputs to checked predictions, for models that read images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from reliseg.errors import ModelError, ReliSegError, SampleError
from reliseg.labels import LabelSpace
from reliseg.models.base import Input, Values
from reliseg.models.output_check import logits_problem, probabilities_problem
from reliseg.prediction import Prediction
from reliseg.types import Image


@dataclass(frozen=True, eq=False)
class ImagePredictor:
    """Predicts images of one size, and says in one line what went wrong.

    `describe_error` turns what a model raises into text. `align_corners`, if it is not None, overrides that of the
    model's predictions. Where `values` says that the model gives probabilities, they are in the place of the logits of
    what `run` gives.
    """

    name: str
    labels: LabelSpace
    run: Callable[[Sequence[Image]], list[Prediction]]
    describe_error: Callable[[BaseException], str]
    align_corners: bool | None
    values: Values | None = None

    def __call__(self, inputs: Sequence[Input]) -> list[Prediction]:
        """Return one prediction per input; a SampleError where one fails, a ModelError where several fail together."""
        images = [self._image(i) for i in inputs]
        try:
            predictions = self.run(images)
        except (Exception, SystemExit) as error:
            problem = str(error) if isinstance(error, ReliSegError) else f"raised {self.describe_error(error)}"
            text = f"model {self.name} {problem}"
            raise (SampleError(inputs[0].id, text) if len(inputs) == 1 else ModelError(text)) from error
        return [self._check(p, i) for p, i in zip(predictions, inputs, strict=True)]

    def _image(self, source: Input) -> Image:
        if source.image is None:
            raise SampleError(source.id, f"model {self.name} needs an image, and none was given")
        return source.image

    def _check(self, prediction: Prediction, source: Input) -> Prediction:
        """Return the prediction with the input's size and the final `align_corners`; a SampleError if it is unfit."""
        align_corners = prediction.align_corners if self.align_corners is None else self.align_corners
        if self.values != "probabilities":
            problem = logits_problem(prediction.logits, self.labels, stated=self.values == "logits")
            self._raise(problem, source)
            return replace(prediction, size=source.size, align_corners=align_corners)
        probabilities = np.asarray(prediction.logits)
        self._raise(probabilities_problem(probabilities, self.labels), source)
        return Prediction.of_probabilities(probabilities, source.size, align_corners, prediction.feature)

    def _raise(self, problem: str | None, source: Input) -> None:
        if problem:
            raise SampleError(source.id, f"model {self.name} {problem}")

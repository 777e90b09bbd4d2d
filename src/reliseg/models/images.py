"""From inputs to checked predictions, for models that read images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from reliseg.errors import ReliSegError, SampleError
from reliseg.labels import LabelSpace
from reliseg.models.base import Input
from reliseg.models.shared import logits_problem
from reliseg.prediction import Prediction
from reliseg.types import Image


@dataclass(frozen=True, eq=False)
class ImagePredictor:
    """Runs images of one size, and tells in one line what went wrong; `align_corners` overrides if it is given."""

    name: str
    labels: LabelSpace
    run: Callable[[Sequence[Image]], list[Prediction]]
    described: Callable[[BaseException], str]
    align_corners: bool | None

    def __call__(self, inputs: Sequence[Input]) -> list[Prediction]:
        """One prediction per input; where a batch fails, its images are tried alone to name the culprit."""
        images = [self._image(i) for i in inputs]
        try:
            predictions = self.run(images)
        except (Exception, SystemExit) as error:
            if len(inputs) > 1:
                return [prediction for i in inputs for prediction in self([i])]
            text = str(error) if isinstance(error, ReliSegError) else f"raised {self.described(error)}"
            raise SampleError(inputs[0].id, f"model {self.name} {text}") from error
        return [self._finished(p, i) for p, i in zip(predictions, inputs, strict=True)]

    def _image(self, source: Input) -> Image:
        if source.image is None:
            raise SampleError(source.id, f"model {self.name} reads images, and was given none")
        return source.image

    def _finished(self, prediction: Prediction, source: Input) -> Prediction:
        problem = logits_problem(prediction.logits, self.labels)
        if problem:
            raise SampleError(source.id, f"model {self.name} {problem}")
        align_corners = prediction.align_corners if self.align_corners is None else self.align_corners
        return replace(prediction, size=source.size, align_corners=align_corners)

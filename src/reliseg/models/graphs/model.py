"""What kinds of exported graphs have in common as models."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from reliseg.errors import image_size_text
from reliseg.models.base import Input, ModelOptions
from reliseg.models.graphs.taken_images import GraphInput
from reliseg.models.image_predictor import ImageModel, ImagePredictor
from reliseg.prediction import Prediction

_ALIKE = 0.05
"""By how much the ratio of height and width may change without a note."""


@dataclass(eq=False)
class Stretching:
    """Whether images are brought to other proportions, because a graph takes one size and the user names none."""

    size: tuple[int, int] | None
    stretched: tuple[int, int] | None = None
    """The size of the first such image."""

    @classmethod
    def of(cls, options: ModelOptions, graph: GraphInput, predictor: ImagePredictor) -> "Stretching":
        """Return what is to be noted: nothing where the options say how images are shown to the graph."""
        is_default = options.resize is None and predictor.inference.resizing.target is not None
        return cls(graph.size if is_default else None)

    def see(self, size: tuple[int, int]) -> None:
        """Keep the size of the first image whose proportions change."""
        if self.size is None or self.stretched is not None:
            return
        ratio = (size[0] * self.size[1]) / (size[1] * self.size[0])
        if abs(ratio - 1) > _ALIKE:
            self.stretched = size

    def notes(self) -> list[str]:
        """Return a line if there was such an image."""
        if self.size is None or self.stretched is None:
            return []
        return [
            f"brings images of {image_size_text(self.stretched)} to {image_size_text(self.size)}, the only size that "
            f"its graph takes, which changes their proportions; if that is meant, set resize: {list(self.size)}, else "
            f"slide with crop: {list(self.size)}"
        ]


@dataclass(frozen=True, eq=False)
class GraphModel(ImageModel):
    """An exported graph with its predictor; what it takes and gives is what the graph states."""

    stretching: Stretching = field(default_factory=lambda: Stretching(None))

    def predict(self, inputs: Sequence[Input]) -> list[Prediction]:
        """Return one prediction per input."""
        predictions = self.predictor(inputs)
        for source in inputs:
            self.stretching.see(source.size)
        return predictions

    def notes(self) -> list[str]:
        """Return what is suspicious in its outputs, and whether images are stretched."""
        return [*super().notes(), *self.stretching.notes()]

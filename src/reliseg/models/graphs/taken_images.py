"""The images that an exported graph takes: graphs state a number of them and their sizes, and take no others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from reliseg.errors import ModelError, image_size_text
from reliseg.models.base import ModelOptions
from reliseg.models.inference.modes import Inference
from reliseg.prediction import Prediction
from reliseg.types import Image

Run: TypeAlias = Callable[[Sequence[Image]], list[Prediction]]
Sides: TypeAlias = tuple[int, int | None]
"""The least and the largest length of a side in pixels; None where nothing is stated."""


@dataclass(frozen=True)
class GraphInput:
    """How many images a graph takes at a time (None: any number), and of which heights and widths."""

    images: int | None = None
    height: Sides = (1, None)
    width: Sides = (1, None)

    @property
    def size(self) -> tuple[int, int] | None:
        """The only size, (height, width), or None where it takes several."""
        (height, tallest), (width, widest) = self.height, self.width
        return (height, width) if (height, width) == (tallest, widest) else None

    def problem(self, size: tuple[int, int]) -> str | None:
        """Return the end of an error line if the graph takes no image of this size, or None."""
        if all(_holds(sides, side) for sides, side in zip((self.height, self.width), size, strict=True)):
            return None
        if self.size:
            crop = f"slide with crop: {list(self.size)} over images at least as large"
            return f"takes images of {image_size_text(self.size)} alone; set resize: {list(self.size)}, or {crop}"
        sides = f"height {_sides_text(self.height)} and width {_sides_text(self.width)}"
        return f"takes images of {sides}; set resize, or export it with other limits"

    def adapted(self, run: Run, inference: Inference) -> Run:
        """Return `run` as it can be given images of any number, which says so where it fails for their size.

        It is given as many at a time as the graph takes, the last one again where some lack. `inference` says how it
        pads them.
        """

        def run_or_explain(images: Sequence[Image]) -> list[Prediction]:
            try:
                return run(images)
            except (Exception, SystemExit) as error:
                problem = self.problem(inference.padded((images[0].shape[0], images[0].shape[1])))
                if problem is None:
                    raise
                raise ModelError(problem) from error

        def run_in_turn(images: Sequence[Image]) -> list[Prediction]:
            number = self.images or len(images)
            predictions: list[Prediction] = []
            for start in range(0, len(images), number):
                part = list(images[start : start + number])
                predictions += run_or_explain(part + part[-1:] * (number - len(part)))[: len(part)]
            return predictions

        return run_in_turn


def own_inference(options: ModelOptions, graph: GraphInput) -> Inference:
    """Return how images are shown to a graph: where it takes one size only, images are brought to it.

    With windows, images keep their own. A ModelError for views at scales that the graph does not take.
    """
    slides = options.slide is not None and not isinstance(options.slide, str)
    if graph.size and options.tta and not slides and set(options.tta.scales) != {1.0}:
        raise ModelError(
            f"model {options.name} takes images of {image_size_text(graph.size)} alone, and tta shows them at other "
            f"scales; leave out scales, or add slide with crop: {list(graph.size)}"
        )
    return Inference.of(options, size=None if slides else graph.size)


def _holds(sides: Sides, side: int) -> bool:
    least, largest = sides
    return least <= side and (largest is None or side <= largest)


def _sides_text(sides: Sides) -> str:
    least, largest = sides
    if largest is None:
        return f"{least} or more" if least > 1 else "any"
    return f"{least}" if least == largest else f"{least} to {largest}"

"""How a network is asked for the prediction of an image: sizes, windows, mirror images, passes with dropout."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

from reliseg.errors import ModelError, image_size_text
from reliseg.models.base import ModelOptions
from reliseg.models.inference.resizing import BILINEAR, Resizing, Size, Target, require_library
from reliseg.models.options import Interpolation, Slide

NONE = "none"
"""Says that a default of the model does not hold: images keep their size, or are predicted whole."""


class View(NamedTuple):
    """One of the ways in which an image is shown to the network."""

    scale: float
    mirrored: bool


_AS_IT_IS = (View(1.0, False),)


@dataclass(frozen=True)
class EvenWindows:
    """Square windows along the longer side of an image whose shorter side is `edge`: as few as cover it.

    They overlap evenly, and begin at pixels, rounded down.
    """

    edge: int
    average: Literal["logits"] = "logits"
    feature: Literal["windows"] = "windows"

    def places(self, size: Size) -> Iterator[tuple[slice, slice]]:
        """Yield rows and columns of the windows; a ModelError if the shorter side of the image is another."""
        if min(size) != self.edge:
            raise ModelError(
                f"takes windows with a side of {self.edge} pixels, and is given an image of {image_size_text(size)}; "
                f"bring its shorter side to {self.edge}, or leave resize out"
            )
        number = math.ceil(max(size) / self.edge)
        overlap = (number * self.edge - max(size)) / (number - 1) if number > 1 else 0
        across = slice(0, self.edge)
        for start in (int(i * (self.edge - overlap)) for i in range(number)):
            along = slice(start, start + self.edge)
            yield (along, across) if size[0] > size[1] else (across, along)


@dataclass(frozen=True)
class Inference:
    """How images are shown to a network, and how its outputs become one prediction."""

    resizing: Resizing = field(default_factory=Resizing)
    pad: int = 1
    """The network pads what it sees to multiples of this, below and to the right."""
    slide: Slide | EvenWindows | None = None
    views: tuple[View, ...] = _AS_IT_IS
    dropout_passes: int | None = None
    seed: int = 0
    through_input: bool = False
    """Whether logits are brought to the network's input, and from there to the image: two interpolations."""

    @classmethod
    def of(
        cls,
        options: ModelOptions,
        *,
        size: Target | None = None,
        pad: int = 1,
        resample: int = BILINEAR,
        interpolation: Interpolation = "pillow",
        slide: Slide | EvenWindows | None = None,
        through_input: bool = False,
    ) -> "Inference":
        """Return what the options say; where they say nothing, the defaults of a model hold, which are given.

        `resample` is Pillow's filter for a size of the model's own; sizes of the options are reached bilinearly.
        """
        own = options.resize
        if isinstance(own, str) and own != NONE:
            raise ModelError(
                f"model {options.name}: resize is {own!r}; write [h, w], {{long: n, short: m}}, or {NONE} for the "
                "image's own size"
            )
        target = size if own is None else None if isinstance(own, str) else own
        library = options.interpolation or interpolation
        require_library(library, f"model {options.name}: interpolation: {library}")
        windows = slide if options.slide is None else options.slide
        tta = options.tta
        return cls(
            resizing=Resizing(target, resample if own is None else BILINEAR, library),
            pad=options.pad.to_multiple if options.pad else pad,
            slide=None if isinstance(windows, str) else windows,
            views=tuple(View(s, m) for s in (tta.scales if tta else (1.0,)) for m in (False, True)[: 1 + _flips(tta)]),
            dropout_passes=options.mc_dropout,
            seed=options.seed,
            through_input=through_input,
        )

    @property
    def is_single(self) -> bool:
        """Tell if the network is asked once, about the whole image at its usual size."""
        return self.slide is None and self.passes == 1 and self.views == _AS_IT_IS

    @property
    def passes(self) -> int:
        """How many predictions are averaged."""
        return len(self.views) * (self.dropout_passes or 1)

    @property
    def averages_probabilities(self) -> bool:
        """Tell if the prediction is a mean of probabilities."""
        return self.passes > 1 or (self.slide is not None and self.slide.average == "probabilities")

    def padded(self, size: Size) -> Size:
        """Return the size of the network's input where it sees an image of this size."""
        height, width = ((side + self.pad - 1) // self.pad * self.pad for side in size)  # ONNX divides towards 0
        return height, width

    def calls(self, size: Size) -> int:
        """Return how many times the network is asked for an image of this size."""
        number = 0
        for view in self.views:
            seen = self.resizing.size_for(size, view.scale)
            number += 1 if self.slide is None else len(list(window_places(seen, self.slide)))
            number += self.slide is not None and self.slide.feature == "image"
        return number * (self.dropout_passes or 1)

    def facts(self) -> dict[str, Any]:
        """Return what a result must say: only what is done."""
        facts: dict[str, Any] = {}
        if self.resizing.interpolation != "pillow":
            facts["interpolation"] = self.resizing.interpolation
        if self.pad > 1:
            facts["pad"] = self.pad
        if self.slide is not None:
            facts["slide"] = asdict(self.slide)
        if self.views != _AS_IT_IS:
            facts["views"] = [view._asdict() for view in self.views]
        if self.dropout_passes:
            facts |= {"mc_dropout": self.dropout_passes, "seed": self.seed}
        return facts | ({"through_input": True} if self.through_input else {})


def window_places(size: Size, slide: Slide | EvenWindows) -> Iterator[tuple[slice, slice]]:
    """Yield rows and columns of the windows of an image: every `stride` pixels, the last ones moved inside.

    An image that is smaller than a window is one window.
    """
    if isinstance(slide, EvenWindows):
        yield from slide.places(size)
        return
    for rows in _places(size[0], slide.crop[0], slide.stride[0]):
        for columns in _places(size[1], slide.crop[1], slide.stride[1]):
            yield rows, columns


def _places(side: int, crop: int, stride: int) -> Iterator[slice]:
    for number in range(max(side - crop + stride - 1, 0) // stride + 1):
        end = min(number * stride + crop, side)
        yield slice(max(end - crop, 0), end)


def _flips(tta: Any) -> Literal[0, 1]:
    return 1 if tta and tta.flip else 0

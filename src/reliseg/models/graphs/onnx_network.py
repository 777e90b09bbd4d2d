"""The way from images to predictions through a graph in ONNX: what it takes, what of its outputs is used."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
import onnxruntime

from reliseg.errors import ModelError, count_text, shape_text, shortlist, suggestion
from reliseg.models.graphs.onnx_session import run_session
from reliseg.models.graphs.taken_images import GraphInput, Sides
from reliseg.models.inference.modes import Inference
from reliseg.models.inference.normalisation import PixelScale
from reliseg.models.outputs import OutputReader
from reliseg.prediction import Prediction
from reliseg.runtime.printable import printable
from reliseg.types import Feature, Float32, Image

Layout: TypeAlias = Literal["NCHW", "NHWC"]
LAYOUTS = ("NCHW", "NHWC")
_KINDS = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
_FLOATS = ("tensor(float)", "tensor(float16)", "tensor(double)")
_CHANNELS = 3


@dataclass(frozen=True)
class Images:
    """The one input of a graph: its name, type and layout, and the images that it takes."""

    name: str
    kind: str
    layout: Layout
    shape: tuple[Any, ...]

    @classmethod
    def of(cls, session: onnxruntime.InferenceSession, layout: Layout | None) -> "Images":
        """Return the input of a graph; a ModelError, the end of a line, where images cannot be what it takes.

        `layout` is what a user says of it; where the shape says otherwise for certain, that is an error.
        """
        inputs = session.get_inputs()
        if len(inputs) != 1:
            names = shortlist([printable(i.name) for i in inputs], 6) or "none"
            raise ModelError(f"takes {len(inputs)} inputs ({names}); export it with one, the images")
        [found] = inputs
        shape = tuple(found.shape)
        if found.type not in _KINDS:
            raise ModelError(f"takes {_type_text(found.type)}; export it with float32, float16 or uint8 images")
        if len(shape) != 4:
            raise ModelError(
                f"takes images as {_shape_text(shape)}; export it with images N x 3 x H x W or N x H x W x 3"
            )
        return cls(found.name, found.type, _layout(shape, layout), shape)

    @property
    def takes(self) -> GraphInput:
        """What it says of number and size."""
        axes = (0, 2, 3) if self.layout == "NCHW" else (0, 1, 2)
        images, height, width = (self.shape[axis] for axis in axes)
        return GraphInput(images if isinstance(images, int) and images > 0 else None, _sides(height), _sides(width))

    @property
    def text(self) -> str:
        """Its name, type and shape, for the provenance."""
        return f"{self.name}: {_type_text(self.kind)} {_shape_text(self.shape)}"

    @property
    def are_raw(self) -> bool:
        """Tell if it takes 8-bit pixels as they are."""
        return self.kind == "tensor(uint8)"

    def array(self, images: Sequence[Image], scale: PixelScale, inference: Inference) -> np.ndarray:
        """Return images of one size as the array that the graph takes; zeros are added below and to the right."""
        if self.are_raw:
            pixels: np.ndarray = np.stack(images)
            return pixels if self.layout == "NHWC" else np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
        (height, width), (rows, columns) = images[0].shape[:2], inference.padded(images[0].shape[:2])
        planes = scale.in_numpy(images).astype(_KINDS[self.kind], copy=False)
        planes = np.pad(planes, ((0, 0), (0, 0), (0, rows - height), (0, columns - width)))
        return planes if self.layout == "NCHW" else np.ascontiguousarray(planes.transpose(0, 2, 3, 1))


def _layout(shape: tuple[Any, ...], stated: Layout | None) -> Layout:
    """Return where the channels of images are: where the shape has three, or where the user says."""
    places: dict[Layout, Any] = {"NCHW": shape[1], "NHWC": shape[3]}
    possible = [layout for layout, length in places.items() if length == _CHANNELS or not isinstance(length, int)]
    certain = [layout for layout, length in places.items() if length == _CHANNELS]
    if stated and (stated not in possible or (certain and stated not in certain)):
        raise ModelError(f"takes images as {_shape_text(shape)}, which is not {stated}; leave out layout")
    if not possible:
        raise ModelError(f"takes images as {_shape_text(shape)}, and RGB has 3 channels; export it for RGB images")
    choice = stated or (certain if certain else possible)
    if isinstance(choice, list):
        if len(choice) > 1:
            raise ModelError(
                f"takes images as {_shape_text(shape)}, which may be N x 3 x H x W or N x H x W x 3; "
                "say which, args: {layout: NCHW} or {layout: NHWC}"
            )
        return choice[0]
    return choice


def _sides(length: Any) -> Sides:
    return (length, length) if isinstance(length, int) and length > 0 else (1, None)


@dataclass(eq=False)
class GraphNetwork:
    """A session that predicts images of one size, on a thread of its own.

    The outputs that hold logits and feature are found in the first output, and only they are computed afterwards.
    """

    session: onnxruntime.InferenceSession
    images: Images
    scale: PixelScale
    inference: Inference
    classes: int
    output: str | int | None = None
    """Which output holds the logits, by its name or number; left out, the one with a channel for each class."""
    feature: str | None = None
    """The name of the output that is pooled, or is a vector for each image."""
    reader: OutputReader = field(init=False)
    _names: list[str] = field(init=False)
    """The outputs that are computed."""

    def __post_init__(self) -> None:
        outputs = {output.name: output.type for output in self.session.get_outputs()}
        self.reader = OutputReader(self.classes, ndim=4)
        chosen = self._chosen(list(outputs))
        self._names = [name for name in chosen if outputs[name] in _FLOATS]
        if not self._names:
            held = shortlist([f"{printable(name)}: {_type_text(outputs[name])}" for name in chosen], 6)
            raise ModelError(
                f"gives class ids or the like ({held}), and no logits in floating-point numbers; export it without the "
                "argmax at its end"
            )
        if self.feature is not None and outputs.get(self.feature) not in _FLOATS:
            known = [name for name, kind in outputs.items() if kind in _FLOATS]
            raise ModelError(
                f"has no output {self.feature!r} to take the feature from; {suggestion(self.feature, known)}"
            )
        self._names += [self.feature] if self.feature and self.feature not in self._names else []

    def __call__(self, images: Sequence[Image]) -> list[Prediction]:
        """Return one prediction per image; a ModelError if the output is no stack of logits."""
        return self._thread.submit(self._predict, images).result()

    @cached_property
    def _thread(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, thread_name_prefix="graph")

    def _chosen(self, names: list[str]) -> list[str]:
        """Return the outputs that may hold the logits: the one of the options, or all."""
        if self.output is None:
            return names
        choice = str(self.output)
        if choice in names:
            return [choice]
        if choice.isdecimal() and int(choice) < len(names):
            return [names[int(choice)]]
        raise ModelError(f"has no output {choice!r}; {suggestion(choice, names)}")

    def _predict(self, images: Sequence[Image]) -> list[Prediction]:
        size = self.inference.padded((images[0].shape[0], images[0].shape[1]))
        array = self.images.array(images, self.scale, self.inference)
        outputs = run_session(self.session, self._names, {self.images.name: array})
        logits = self._logits(outputs, len(images))
        features = [None] * len(images) if self.feature is None else self._features(outputs[self.feature], len(images))
        return [Prediction(logits=z, size=size, feature=f) for z, f in zip(logits, features, strict=True)]

    def _logits(self, outputs: Mapping[str, Any], images: int) -> Float32[np.ndarray, "n c h w"]:
        """Return the logits; from then on, the other outputs are not computed."""
        candidates = {n: self._channels_first(a) for n, a in outputs.items() if n != self.feature or len(outputs) == 1}
        array = self.reader(candidates)
        self._names = list(dict.fromkeys(name for name in (self.reader.taken, self.feature) if name))
        if array.ndim != 4 or len(array) != images:
            shape = shape_text(array.shape)
            raise ModelError(f"gives an array of {shape} for {count_text(images, 'image')}, not N x C x h x w")
        return np.ascontiguousarray(array, np.float32)

    def _channels_first(self, array: np.ndarray) -> np.ndarray:
        """Return an output of a graph with channels last in the order of logits, where its last axis is the classes."""
        is_last = self.images.layout == "NHWC" and array.ndim == 4 and array.shape[-1] == self.classes
        return array.transpose(0, 3, 1, 2) if is_last else array

    def _features(self, array: np.ndarray, images: int) -> list[Feature]:
        """Return a vector for each image: the mean over positions of a map, or the vectors that are there."""
        if array.ndim == 4:
            array = array.mean(axis=(2, 3) if self.images.layout == "NCHW" else (1, 2), dtype=np.float64)
        if array.ndim != 2 or len(array) != images:
            raise ModelError(
                f"gives {shape_text(array.shape)} as the feature of {count_text(images, 'image')}; name an output that "
                "is N x F or a map of 4 axes"
            )
        return list(np.ascontiguousarray(array, np.float32))


def _type_text(kind: str) -> str:
    return printable(kind.removeprefix("tensor(").removesuffix(")"))


def _shape_text(shape: Sequence[Any]) -> str:
    return " x ".join(str(n) if isinstance(n, int) else printable(n or "?") for n in shape) or "a single number"

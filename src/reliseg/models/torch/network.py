"""The way from images to predictions that all models in torch share."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, get_args

import torch
from torch import Tensor, nn

from reliseg.errors import ModelError, count_text, shape_text
from reliseg.labels import LabelSpace
from reliseg.models.base import Precision
from reliseg.models.checkpoints.tensor_kinds import kind_problem
from reliseg.models.options import MaskOrder
from reliseg.models.torch.dropout import dropout_at_work, dropout_layers
from reliseg.models.torch.normalisation import Normalisation
from reliseg.models.user_output import stdout_as_stderr
from reliseg.prediction import Prediction
from reliseg.runtime.torch_settings import inference_settings
from reliseg.stats import DeviceLogits
from reliseg.stats.rows import Rows
from reliseg.types import Float, Image, Logits


class Queries(NamedTuple):
    """What a network that classifies masks gives: logits of the classes of each query, no object last, and its mask."""

    classes: Float[Tensor, "n q c"]
    masks: Float[Tensor, "n q h w"]


Output = tuple[Float[Tensor, "n c h w"] | Queries, Float[Tensor, "n f"] | None]
"""Logits at native stride, or queries; and a pooled feature."""


@dataclass(frozen=True, eq=False)
class Network:
    """A forward pass on a device: images of one size -> predictions of that size.

    It runs on a thread of its own. Flushing denormal numbers is a setting of a thread, which the threads that share
    its work have only if they were started after it was set: those of a caller may have been there before.
    """

    forward: Callable[[Float[Tensor, "n 3 H W"]], Output]
    normalisation: Normalisation
    device: torch.device
    threads: int
    precision: Precision = "float32"
    pad: int = 1
    """Normalised images are padded with zeros, below and to the right, to multiples of this."""
    masks: tuple[MaskOrder, LabelSpace] | None = None
    """The order of mask classification, and its classes: for networks that give queries."""
    module: nn.Module | None = None
    """Where layers of dropout are."""

    def __post_init__(self) -> None:
        if self.precision not in get_args(Precision):
            raise ModelError(f"precision is {self.precision!r}; use {', '.join(get_args(Precision))}")

    def __call__(self, images: Sequence[Image]) -> list[Prediction]:
        """Return one prediction per image; a ModelError if the output is no stack of logits."""
        return self._thread.submit(self._predict, images).result()

    @property
    def with_dropout(self) -> Callable[[Sequence[Image], int], list[Prediction]] | None:
        """The same with layers of dropout at work, whose numbers begin with a seed; None if it has none."""
        module = self.module
        if module is None or not dropout_layers(module):
            return None

        def predict(images: Sequence[Image], seed: int) -> list[Prediction]:
            with dropout_at_work(module, seed):
                return self._predict(images)

        return lambda images, seed: self._thread.submit(predict, images, seed).result()

    @cached_property
    def _thread(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, thread_name_prefix="network")

    def _predict(self, images: Sequence[Image]) -> list[Prediction]:
        with inference_settings(self.threads), torch.inference_mode(), stdout_as_stderr():
            pixels = _padded(self.normalisation(images, self.device), self.pad)
            with _autocast(self.device, self.precision):
                output, feature = self.forward(pixels)
            height, width = images[0].shape[:2]
            size = pixels.shape[2], pixels.shape[3]
            stack = self._maps(output, len(images), (height, width), size)
            features = [None] * len(images) if feature is None else list(feature.detach().float().cpu().numpy())
        return [Prediction(logits=z, size=size, feature=f) for z, f in zip(stack, features, strict=True)]

    def _maps(
        self, output: Tensor | Queries, images: int, seen: tuple[int, int], padded: tuple[int, int]
    ) -> Sequence[Logits | DeviceLogits | Rows]:
        """Return the logits of each image, or the class maps of its masks; a ModelError if the output is neither."""
        if isinstance(output, Queries):
            if self.masks is None:
                raise ModelError("gives queries and masks, and no logits")
            from reliseg.models.torch.mask_queries import MaskClassification

            order, labels = self.masks
            return MaskClassification(order, padded, seen)(output.classes, output.masks, labels)
        problem = _stack_problem(output, images)
        if problem:
            raise ModelError(problem)
        return [_logits_in_place(image) for image in _own_copy(output.detach(), self.device)]


def _padded(pixels: Float[Tensor, "n 3 H W"], multiple: int) -> Float[Tensor, "n 3 h w"]:
    """Return images with zeros below and to the right, up to multiples of a number of pixels."""
    height, width = pixels.shape[2:]
    below, right = -height % multiple, -width % multiple
    return torch.nn.functional.pad(pixels, (0, right, 0, below)) if below or right else pixels


def _autocast(device: torch.device, precision: Precision) -> AbstractContextManager[Any]:
    """Run the network's heavy layers in a shorter format; logits come back as float32."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, getattr(torch, precision))


def _stack_problem(logits: Tensor, images: int) -> str | None:
    """Return the end of an error line if a tensor is not N x C x h x w floating-point numbers, one N for each image."""
    kind = kind_problem(logits)
    if kind:
        return f"gives {kind}, not floating-point logits N x C x h x w"
    if logits.ndim == 4 and len(logits) == images:
        return None
    problem = f"gives a tensor of {shape_text(logits.shape)} for {count_text(images, 'image')}, not N x C x h x w"
    return f"{problem}; keep the batch dimension" if logits.ndim == 3 else problem


def _own_copy(output: Tensor, device: torch.device) -> Float[Tensor, "n c h w"]:
    """Return the output as float32 in memory of its own.

    A network may write its next output into the same memory, as CUDA graphs and bound buffers do, while this one is
    counted.
    """
    logits = output.to(device).float()
    return logits.clone() if logits.data_ptr() == output.data_ptr() else logits


def _logits_in_place(logits: Float[Tensor, "c h w"]) -> Logits | DeviceLogits:
    """Return the logits of one image where they are counted: on a GPU they stay there."""
    return DeviceLogits(logits.contiguous()) if logits.is_cuda else logits.cpu().contiguous().numpy()

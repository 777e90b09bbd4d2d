"""The way from images to predictions that all models in torch share."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, get_args

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from reliseg.errors import ModelError, count_text
from reliseg.models.base import IMAGENET_MEAN, IMAGENET_STD, Precision
from reliseg.models.output_check import shape_text
from reliseg.prediction import Prediction
from reliseg.runtime.torch_settings import inference_settings
from reliseg.stats import DeviceLogits
from reliseg.types import Image, Logits

Output = tuple[Float[Tensor, "n c h w"], Float[Tensor, "n f"] | None]
"""Logits at native stride, and a pooled feature."""


@dataclass(frozen=True)
class Normalisation:
    """8-bit RGB -> (image / divisor - mean) / std, channels first."""

    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    divisor: float = 255.0
    bgr: bool = False

    def __call__(self, images: Sequence[Image], device: torch.device) -> Float[Tensor, "n 3 H W"]:
        """Normalise images of one size on the device."""
        pixels = _upload(images, device).permute(0, 3, 1, 2).float().contiguous()
        mean = torch.tensor(self.mean, device=device).view(3, 1, 1)
        std = torch.tensor(self.std, device=device).view(3, 1, 1)
        if self.bgr:
            pixels = pixels.flip(1)
        return pixels.div_(self.divisor).sub_(mean).div_(std)


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

    def __post_init__(self) -> None:
        if self.precision not in get_args(Precision):
            raise ModelError(f"precision is {self.precision!r}; use {', '.join(get_args(Precision))}")

    def __call__(self, images: Sequence[Image]) -> list[Prediction]:
        """Return one prediction per image; a ModelError if the output is no stack of logits."""
        return self._thread.submit(self._predict, images).result()

    @cached_property
    def _thread(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, thread_name_prefix="network")

    def _predict(self, images: Sequence[Image]) -> list[Prediction]:
        with inference_settings(self.threads), torch.inference_mode():
            pixels = self.normalisation(images, self.device)
            with _autocast(self.device, self.precision):
                logits, feature = self.forward(pixels)
            if logits.ndim != 4 or len(logits) != len(images):
                shape = shape_text(logits.shape)
                raise ModelError(f"gives a tensor of {shape} for {count_text(len(images), 'image')}, not N x C x h x w")
            stack = [_logits_in_place(image) for image in logits.float()]
            features = [None] * len(images) if feature is None else list(feature.float().cpu().numpy())
        height, width = images[0].shape[:2]
        return [Prediction(logits=z, size=(height, width), feature=f) for z, f in zip(stack, features, strict=True)]


def _upload(images: Sequence[Image], device: torch.device) -> UInt8[Tensor, "n H W 3"]:
    """Copy the images to the device; to a GPU beside what it computes: by pinned memory and a stream of its own."""
    pixels = torch.from_numpy(np.stack(images))
    if device.type != "cuda":
        return pixels.to(device)
    computing, copying = torch.cuda.current_stream(device), _copy_stream(device)
    with torch.cuda.stream(copying):
        uploaded = pixels.pin_memory().to(device, non_blocking=True)
    computing.wait_stream(copying)
    uploaded.record_stream(computing)  # its memory is not given to another copy before the network has read it
    return uploaded


@cache
def _copy_stream(device: torch.device) -> torch.cuda.Stream:
    """Return the one stream of all copies to a device: torch keeps memory that a stream has used for that stream."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def _autocast(device: torch.device, precision: Precision) -> AbstractContextManager[Any]:
    """Run the network's heavy layers in a shorter format; logits come back as float32."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, getattr(torch, precision))


def _logits_in_place(logits: Float[Tensor, "c h w"]) -> Logits | DeviceLogits:
    """Return the logits of one image where they are counted: on a GPU they stay there."""
    return DeviceLogits(logits.contiguous()) if logits.is_cuda else logits.cpu().contiguous().numpy()


def logits_of(output: Any) -> Tensor:
    """Return the logits in a network's output: the tensor itself, or the first, `out` or `logits` of what holds it."""
    while not isinstance(output, Tensor):
        if isinstance(output, dict) and ("out" in output or "logits" in output):
            output = output["out"] if "out" in output else output["logits"]
        elif isinstance(output, tuple | list) and output:
            output = output[0]
        elif hasattr(output, "logits"):
            output = output.logits
        else:
            keys = f" with {', '.join(map(str, output))}" if isinstance(output, dict) else ""
            raise ModelError(
                f"gives a {type(output).__name__}{keys}; a tensor, a tuple, a dict with 'out' or 'logits', "
                "or an object with .logits is needed"
            )
    return output

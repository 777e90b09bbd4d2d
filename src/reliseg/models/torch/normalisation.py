"""From 8-bit images to what a network is given, on its device."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from reliseg.errors import ModelError
from reliseg.models.base import IMAGENET_MEAN, IMAGENET_STD
from reliseg.types import Image

_UNSCALED = 50
"""Images with larger pixels are not on the scale 0..1, nor near it."""


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


def checked(normalisation: Normalisation, model: str) -> Normalisation:
    """Return the normalisation; a ModelError where mean and deviation cannot be those of the images it is given."""
    problem = _problem(normalisation)
    if problem:
        raise ModelError(f"model {model}: {problem}")
    return normalisation


def _problem(normalisation: Normalisation) -> str | None:
    """Return why a normalisation is a misreading.

    A mean beyond the largest pixel, or a deviation over it, is of images on another scale. On images in 0..255 a mean
    of at most 1 is too, unless it is 0: then `divisor` is all there is.
    """
    mean, std, divisor = normalisation.mean, normalisation.std, normalisation.divisor
    for name, values in (("mean", mean), ("std", std)):
        if len(values) != 3:
            return f"{name} has {len(values)} numbers; give three, for red, green and blue"
        if not all(math.isfinite(v) for v in values):
            return f"{name} is {_text(values)}; give finite numbers"
    if min(std) <= 0:
        return f"std is {_text(std)}; give positive numbers, as images are divided by them"
    if not math.isfinite(divisor) or divisor <= 0:
        return f"images are divided by {divisor:g} before mean and std; give a positive rescale_factor"
    largest = 255 / divisor
    for name, values in (("mean", mean), ("std", std)):
        if max(map(abs, values)) > largest * (1 + 1e-6):
            scaled = f"; divide by 255: {_text([v / 255 for v in values])}" if largest <= 1 else ""
            return f"{name} is {_text(values)}, and images are in 0..{largest:.3g} when it is applied{scaled}"
    if largest > _UNSCALED and 0 < max(map(abs, mean)) <= 1 and max(std) <= 1:
        return (
            f"mean is {_text(mean)} and std {_text(std)}, of images in 0..1, and images are in 0..{largest:.3g}; "
            f"multiply both by {largest:.3g}"
        )
    return None


def _text(values: Sequence[float]) -> str:
    return f"[{', '.join(f'{v:.4g}' for v in values)}]"


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

"""How 8-bit images are scaled before a network sees them, and scales that cannot be meant."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from reliseg.errors import ModelError
from reliseg.models.base import IMAGENET_MEAN, IMAGENET_STD
from reliseg.types import Float32, Image

_UNSCALED = 50
"""Images with larger pixels are not on the scale 0..1, nor near it."""


@dataclass(frozen=True)
class PixelScale:
    """8-bit RGB -> (image / divisor - mean) / std, channels first."""

    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    divisor: float = 255.0
    bgr: bool = False

    def in_numpy(self, images: Sequence[Image]) -> Float32[np.ndarray, "n 3 H W"]:
        """Return images of one size, normalised; to the last bit what torch makes of them on the CPU."""
        pixels = np.stack(images).transpose(0, 3, 1, 2).astype(np.float32, order="C")
        if self.bgr:
            pixels = np.ascontiguousarray(pixels[:, ::-1])
        pixels /= np.float32(self.divisor)
        pixels -= np.asarray(self.mean, np.float32).reshape(3, 1, 1)
        pixels /= np.asarray(self.std, np.float32).reshape(3, 1, 1)
        return pixels


Scale = TypeVar("Scale", bound=PixelScale)


def checked(normalisation: Scale, model: str) -> Scale:
    """Return the normalisation; a ModelError where mean and deviation cannot be those of the images it is given."""
    problem = _problem(normalisation)
    if problem:
        raise ModelError(f"model {model}: {problem}")
    return normalisation


def _problem(normalisation: PixelScale) -> str | None:
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

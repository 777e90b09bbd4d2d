"""Images brought to the size that a network sees, by the interpolation of the library that it was trained with."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, is_dataclass
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np
from PIL import Image as Pillow

from reliseg.errors import MissingExtraError
from reliseg.models.options import FitWithin, Interpolation
from reliseg.types import Image, UInt8

BILINEAR = int(Pillow.Resampling.BILINEAR)
Size: TypeAlias = tuple[int, int]
"""Height and width."""
Target: TypeAlias = Size | FitWithin | Callable[[Size], Size]
"""The size that images are brought to, or what gives it for the size of an image."""


@dataclass(frozen=True)
class Resizing:
    """The size that images are brought to, and how; without a target they keep their own.

    `resample` is Pillow's number of a filter; the other libraries interpolate bilinearly.
    """

    target: Target | None = None
    resample: int = BILINEAR
    interpolation: Interpolation = "pillow"

    def fact(self) -> Any:
        """Return the target as a result must say it: None, [h, w], or what it is made from."""
        target = self.target
        return asdict(target) if is_dataclass(target) and not isinstance(target, type) else target

    def size_for(self, size: Size, scale: float = 1.0) -> Size:
        """Return the size that an image of this size is brought to, with both sides times `scale`."""
        height, width = target_size(self.target, size)
        return (height, width) if scale == 1 else (_scaled(height, scale), _scaled(width, scale))

    def __call__(self, image: Image, scale: float = 1.0) -> Image:
        """Return the image as the network sees it; itself where it has that size."""
        height, width = image.shape[:2]
        size = self.size_for((height, width), scale)
        if size == (height, width):
            return image
        if self.interpolation == "pillow":
            return resize_image(image, size, self.resample)
        return _BY_LIBRARY[self.interpolation](image, size)


def target_size(target: Target | None, size: Size) -> Size:
    """Return the size that an image of this size is brought to.

    Within `long` and `short` the ratio is kept, and sides are rounded half up, as mmsegmentation and detectron2 do it.
    """
    if target is None:
        return size
    if isinstance(target, tuple):
        return target
    if not isinstance(target, FitWithin):
        return target(size)
    scale = min(target.long / max(size), target.short / min(size))
    return _scaled(size[0], scale), _scaled(size[1], scale)


def resize_image(image: Image, size: Size, resample: int = BILINEAR) -> UInt8[np.ndarray, "h w 3"]:
    """Return the image at size (height, width). Pillow widens its filter when it shrinks, so nothing aliases."""
    if image.shape[:2] == size:
        return image
    return np.asarray(Pillow.fromarray(image).resize((size[1], size[0]), Pillow.Resampling(resample)))


def require_library(interpolation: Interpolation, purpose: str) -> None:
    """Raise a MissingExtraError if the library of an interpolation is not there; `purpose` begins its line."""
    if interpolation == "pillow":  # is always there
        return
    module = {"opencv": "cv2", "torch": "torch"}[interpolation]
    try:
        import_module(module)
    except ImportError as error:
        raise MissingExtraError(module, interpolation, purpose) from error


def _by_opencv(image: Image, size: Size) -> Image:
    """Return the image by OpenCV's bilinear interpolation, which does not widen where it shrinks."""
    import cv2

    return np.asarray(cv2.resize(image, (size[1], size[0]), interpolation=cv2.INTER_LINEAR))


def _by_torch(image: Image, size: Size) -> Image:
    """Return the image by torch's bilinear interpolation, widened where it shrinks and rounded, as torchvision does."""
    import torch

    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float()
    resized = torch.nn.functional.interpolate(pixels, size, mode="bilinear", align_corners=False, antialias=True)
    return np.ascontiguousarray(resized[0].round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy())


def _scaled(side: int, scale: float) -> int:
    return max(1, int(side * scale + 0.5))


_BY_LIBRARY: dict[str, Callable[[Image, Size], Image]] = {"opencv": _by_opencv, "torch": _by_torch}

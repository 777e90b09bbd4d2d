"""The corruption `brightness`."""

from functools import cache
from typing import ClassVar

import numpy as np

from reliseg.corruptions.base import Corruption, Family, Key
from reliseg.corruptions.compiled.lookup import by_largest
from reliseg.types import Image, UInt8


class Brightness(Corruption):
    """10 to 50 % of white added to the value of HSV (Hendrycks and Dietterich, ICLR 2019)."""

    family: ClassVar[Family] = "weather"

    def __call__(self, image: Image, severity: int, key: Key) -> Image:
        """Return the corrupted image."""
        return by_largest(image, _table(severity))


@cache
def _table(severity: int) -> UInt8[np.ndarray, "256 256"]:
    """Return what a byte becomes in a pixel of that largest byte: hue and saturation stay, so all scale alike."""
    largest, level = np.arange(256)[:, None], np.arange(256)[None]
    new = np.minimum(10 * largest + 255 * severity, 2550)  # in tenths
    scaled = np.where(largest == 0, new // 10, level * new // np.maximum(10 * largest, 1))
    return scaled.clip(0, 255).astype(np.uint8)

"""The corruption `motion_blur`."""

from typing import ClassVar

from reliseg.corruptions.base import Corruption, Family, Key
from reliseg.corruptions.compiled.borders import padded
from reliseg.corruptions.compiled.line import along
from reliseg.corruptions.draws import uniform
from reliseg.corruptions.weights import DOWN, half_line, repeated
from reliseg.types import Image

_LINES = ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))
"""Radius and spread, in pixels."""


class MotionBlur(Corruption):
    """A moving camera, in a direction of -45 to 45 degrees (Hendrycks and Dietterich, ICLR 2019)."""

    family: ClassVar[Family] = "blur"

    def __call__(self, image: Image, severity: int, key: Key) -> Image:
        """Return the corrupted image."""
        radius, sigma = _LINES[severity - 1]
        (h, w), m = image.shape[:2], 2 * radius + 1
        line = half_line(radius, sigma, uniform(key, 0, -45, 45), DOWN)
        return along(padded(image, repeated(h, m), repeated(w, m)), m, line, h, 3 * w, 3).reshape(image.shape)

"""The corruption `zoom_blur`."""

from typing import ClassVar

import numpy as np

from reliseg.corruptions.base import Corruption, Family, Key
from reliseg.corruptions.compiled.zoom import Lines, zooms
from reliseg.corruptions.weights import middle
from reliseg.types import Image

_STEPS = ((12, 0.01), (16, 0.01), (11, 0.02), (13, 0.02), (11, 0.03))
"""How many magnifications, from 1, and the step between them."""


class ZoomBlur(Corruption):
    """The mean of the image and its magnified middles, up to 1.3-fold (Hendrycks and Dietterich, ICLR 2019)."""

    family: ClassVar[Family] = "blur"

    def __call__(self, image: Image, severity: int, key: Key) -> Image:
        """Return the corrupted image."""
        h, w = image.shape[:2]
        return zooms(image, _lines(h, severity), _lines(w, severity))


def _lines(size: int, severity: int) -> Lines:
    count, step = _STEPS[severity - 1]
    step = (1 + step) - 1  # as numpy.arange counts
    first, weights = zip(*(middle(size, 1 + i * step) for i in range(count)), strict=True)
    return Lines(np.stack(first), np.stack(weights))

"""The corruption `pixelate`."""

from typing import ClassVar

import numpy as np
from PIL import Image as Pillow

from reliseg.corruptions.base import Corruption, Family, Key
from reliseg.types import Image

_SCALES = (0.6, 0.5, 0.4, 0.3, 0.25)


class Pixelate(Corruption):
    """Shrunk to 0.6 to 0.25 of its size, and enlarged again without smoothing (Hendrycks and Dietterich, ICLR 2019)."""

    family: ClassVar[Family] = "digital"

    def __call__(self, image: Image, severity: int, key: Key) -> Image:
        """Return the corrupted image."""
        (h, w), scale = image.shape[:2], _SCALES[severity - 1]
        size = max(int(w * scale), 1), max(int(h * scale), 1)
        small = Pillow.fromarray(image).resize(size, Pillow.Resampling.BOX)
        return np.array(small.resize((w, h), Pillow.Resampling.NEAREST))

"""The corruption `fog`."""

from typing import ClassVar

import numpy as np

from reliseg.corruptions.base import Corruption, Family, Key
from reliseg.corruptions.compiled.plasma import Level, fogged, plasma
from reliseg.types import Image

_CLOUDS = ((1.5, 2), (2.0, 2), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4))
"""How bright they are where they are thickest, and by what their noise shrinks from level to level, squared."""


class Fog(Corruption):
    """Clouds of the diamond-square algorithm over all of the image alike (Hendrycks and Dietterich, ICLR 2019)."""

    family: ClassVar[Family] = "weather"

    def __call__(self, image: Image, severity: int, key: Key) -> Image:
        """Return the corrupted image."""
        strength, decay = _CLOUDS[severity - 1]
        levels = max((max(image.shape[:2]) - 1).bit_length(), 1)
        amplitudes = np.array([round(1e4 / decay ** (2 * k)) * 4 for k in range(levels)], np.int64)
        last = Level(levels - 1, int(amplitudes[-1]))
        return fogged(image, plasma(amplitudes[:-1], key), last, key, np.float32(strength))

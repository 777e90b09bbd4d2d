"""The corruption `depth_fog`."""

from typing import ClassVar

import numpy as np

from reliseg.corruptions.base import DepthCorruption, Family, Key
from reliseg.corruptions.compiled.depth.haze import airlight, dark_channel, hazed
from reliseg.types import Image

_THICKNESS = (0.005, 0.01, 0.02, 0.03, 0.06)
"""Per metre. Contrast falls to 5 % in 600, 300, 150, 100 and 50 m."""


class DepthFog(DepthCorruption):
    """Homogeneous fog in which one sees 600 to 50 m far (Koschmieder 1924; Sakaridis et al., IJCV 2018), from depth."""

    family: ClassVar[Family] = "weather"
    published: ClassVar[bool] = False

    def __call__(self, image: Image, severity: int, key: Key) -> Image:
        """Return the corrupted image."""
        air = airlight(image, dark_channel(image))
        return hazed(image, self.metres, np.float32(_THICKNESS[severity - 1]), air)

"""The corruption `glass_blur`."""

from typing import ClassVar

from reliseg.corruptions.base import Corruption, Family, Key
from reliseg.corruptions.compiled.gaussian import smooth
from reliseg.corruptions.compiled.shuffle import shuffle
from reliseg.corruptions.weights import gaussian
from reliseg.types import Image

_PARAMETERS = ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2))
"""The spread of the Gaussian, how far a pixel moves at most, and how often."""


class GlassBlur(Corruption):
    """Frosted glass: smoothed, near pixels change places, smoothed (Hendrycks and Dietterich, ICLR 2019)."""

    family: ClassVar[Family] = "blur"

    def __call__(self, image: Image, severity: int, key: Key) -> Image:
        """Return the corrupted image."""
        sigma, reach, rounds = _PARAMETERS[severity - 1]
        weights = gaussian(sigma, int(4 * sigma + 0.5))
        return smooth(shuffle(smooth(image, weights), reach, rounds, key), weights)

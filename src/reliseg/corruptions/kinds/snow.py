"""The corruption `snow`."""

from functools import cache
from statistics import NormalDist
from typing import ClassVar

import numpy as np

from reliseg.corruptions.base import Corruption, Family, Key
from reliseg.corruptions.compiled.flakes import Axis, Flakes, flakes, snowed
from reliseg.corruptions.compiled.line import along
from reliseg.corruptions.draws import uniform
from reliseg.corruptions.weights import NEAREST, half_line, middle
from reliseg.types import Float32, Image

_PARAMETERS = (
    (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
    (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
    (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
    (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
    (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
)
"""Mean and spread of normal numbers, their magnification, the least that is a flake; radius and spread of the blur by
their fall; the share of the image that stays as bright as it is."""


class Snow(Corruption):
    """Falling flakes over a whitened image (Hendrycks and Dietterich, ICLR 2019)."""

    family: ClassVar[Family] = "weather"

    def __call__(self, image: Image, severity: int, key: Key) -> Image:
        """Return the corrupted image."""
        mean, spread, factor, least, radius, sigma, share = _PARAMETERS[severity - 1]
        (h, w), m = image.shape[:2], 2 * radius + 1
        spec = Flakes(_quantiles(), np.float32(mean), np.float32(spread), np.float32(least))
        layer = flakes(spec, Axis(*middle(h, factor)), Axis(*middle(w, factor)), m, key)
        line = half_line(radius, sigma, uniform(key, 0, -135, -45), NEAREST)
        return snowed(image, along(layer, m, line, h, w, 1), np.float32(share))


@cache
def _quantiles() -> Float32[np.ndarray, "65536"]:
    """Return the standard normal distribution's quantiles, all equally likely."""
    return np.array([NormalDist().inv_cdf((i + 0.5) / 65536) for i in range(65536)], np.float32)

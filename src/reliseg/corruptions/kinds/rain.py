"""The corruption `rain`."""

from typing import ClassVar

import numpy as np

from reliseg.corruptions.base import Corruption, Family, Key
from reliseg.corruptions.compiled.rain import Shower, rained, streaks
from reliseg.corruptions.draws import uniform
from reliseg.types import Image

_SHOWERS = (
    (700, 0.90, 0.10, 90),
    (1200, 0.85, 0.15, 100),
    (1900, 0.80, 0.21, 110),
    (2900, 0.75, 0.27, 120),
    (4200, 0.70, 0.34, 130),
)
"""Drops of a square image, how bright it is behind them, the share of misty air, and the brightest streak, of 255."""
_AIR = (148, 153, 160)
_LIGHT = (205, 210, 218)
"""Red, green and blue of misty air, and of drops, which gather the light of the sky (Garg and Nayar, IJCV 2007)."""


class Rain(Corruption):
    """Streaks of falling drops in misty, darker air: drawn here, at a scale of the image's height; not published."""

    family: ClassVar[Family] = "weather"
    published: ClassVar[bool] = False

    def __call__(self, image: Image, severity: int, key: Key) -> Image:
        """Return the corrupted image."""
        drops, dim, mist, strength = _SHOWERS[severity - 1]
        h, w = image.shape[:2]
        shower = Shower(max(min(drops * w // h, h * w // 4), 1), round(uniform(key, 0, -64, 64)), h, strength)
        levels, air = np.arange(256), np.array(_AIR)[:, None]
        seen = (levels * round(dim * (1 - mist) * 1000) + air * round(mist * 1000)) // 1000
        return rained(image, streaks(h, w, shower, key), seen.astype(np.uint8), np.array(_LIGHT, np.int64))

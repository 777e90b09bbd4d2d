"""The corruption `gaussian_noise`."""

import math
from functools import cache
from typing import ClassVar

import numpy as np

from reliseg.corruptions.base import Corruption, Family, Key
from reliseg.corruptions.compiled.noise import aliases, noise
from reliseg.types import Image, UInt32

_SPREADS = (0.08, 0.12, 0.18, 0.26, 0.38)
"""Of the noise, where bytes are [0, 1]."""


class GaussianNoise(Corruption):
    """Normal noise on each channel (Hendrycks and Dietterich, ICLR 2019), of a spread of 8 to 38 % of white."""

    family: ClassVar[Family] = "noise"

    def __call__(self, image: Image, severity: int, key: Key) -> Image:
        """Return the corrupted image."""
        return noise(image, _table(severity), key)


@cache
def _table(severity: int) -> UInt32[np.ndarray, "256 256"]:
    """Return P(byte out | byte in): what the noise leaves within a byte, as the published code rounds it down."""
    spread, levels = 255 * _SPREADS[severity - 1], np.arange(256)
    below = np.array([0.5 * math.erfc(-d / spread / math.sqrt(2)) for d in range(-255, 256)])
    chances = np.zeros((256, 257))
    chances[:, 1:256] = below[255 + levels[None, 1:] - levels[:, None]]
    chances[:, 256] = 1
    return aliases(np.diff(chances, axis=1))

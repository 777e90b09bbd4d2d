"""The corruption `shot_noise`."""

import math
from functools import cache
from typing import ClassVar

import numpy as np

from reliseg.corruptions.base import Corruption, Family, Key
from reliseg.corruptions.compiled.noise import aliases, noise
from reliseg.types import Image, UInt32

_PHOTONS = (60, 25, 12, 5, 3)
"""In the mean, of white."""
_MOST = 250
"""Photons: the chance of more is below 2**-64 for every byte."""


class ShotNoise(Corruption):
    """Photons that are counted: Poisson noise (Hendrycks and Dietterich, ICLR 2019), of 60 to 3 photons for white."""

    family: ClassVar[Family] = "noise"

    def __call__(self, image: Image, severity: int, key: Key) -> Image:
        """Return the corrupted image."""
        return noise(image, _table(severity), key)


@cache
def _table(severity: int) -> UInt32[np.ndarray, "256 256"]:
    """Return P(byte out | byte in), the published rounding down included."""
    photons = _PHOTONS[severity - 1]
    chances = np.zeros((256, 256))
    for level in range(256):
        relative = [1.0]  # to the chance of none: so no exponential is needed
        for k in range(1, _MOST):
            relative.append(relative[-1] * level * photons / 255 / k)
        total = math.fsum(relative)
        for k, chance in enumerate(relative):
            chances[level, min(k * 255 // photons, 255)] += chance / total
    return aliases(chances)

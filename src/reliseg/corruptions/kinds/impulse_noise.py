"""The corruption `impulse_noise`."""

from functools import cache
from typing import ClassVar

import numpy as np

from reliseg.corruptions.base import Corruption, Family, Key
from reliseg.corruptions.compiled.noise import aliases, noise
from reliseg.types import Image, UInt32

_AMOUNTS = (0.03, 0.06, 0.09, 0.17, 0.27)


class ImpulseNoise(Corruption):
    """Salt and pepper on each channel (Hendrycks and Dietterich, ICLR 2019): 3 to 27 % of all bytes are 0 or 255."""

    family: ClassVar[Family] = "noise"

    def __call__(self, image: Image, severity: int, key: Key) -> Image:
        """Return the corrupted image."""
        return noise(image, _table(severity), key)


@cache
def _table(severity: int) -> UInt32[np.ndarray, "256 256"]:
    """Return P(byte out | byte in)."""
    amount = _AMOUNTS[severity - 1]
    chances = np.eye(256) * (1 - amount)
    chances[:, 0] += amount / 2
    chances[:, 255] += amount / 2
    return aliases(chances)

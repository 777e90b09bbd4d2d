"""The corruption `defocus_blur`."""

import math
from functools import cache
from typing import ClassVar

import numpy as np

from reliseg.corruptions.base import Corruption, Family, Key
from reliseg.corruptions.compiled.borders import padded
from reliseg.corruptions.compiled.disk import Disk, disk
from reliseg.corruptions.weights import reflected
from reliseg.types import Image

_DISKS = ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5))
"""Radius, and the spread of a Gaussian that smooths the disk, in pixels."""
_FLAT = 5e-4
"""Relative differences up to this are none: that of pixels which the smoothing hardly reaches."""


class DefocusBlur(Corruption):
    """A disk of 3 to 10 pixels' radius, as a lens out of focus makes it (Hendrycks and Dietterich, ICLR 2019).

    At severities 4 and 5 the published disk adds up to more than 1, so images brighten by 1.3 and 1.1 %.
    """

    family: ClassVar[Family] = "blur"

    def __call__(self, image: Image, severity: int, key: Key) -> Image:
        """Return the corrupted image."""
        kernel, (h, w) = _kernel(severity), image.shape[:2]
        m = len(kernel.half) // 2 + 1
        return disk(padded(image, reflected(h, m), reflected(w, m)), m, kernel, h, w).reshape(image.shape)


@cache
def _kernel(severity: int) -> Disk:
    """Return the published disk, which is smoothed within a square that mirrors itself at its edges."""
    radius, sigma = _DISKS[severity - 1]
    reach, blur = max(radius, 8), 1 if radius <= 8 else 2
    places = np.arange(-reach, reach + 1)
    inside = places[:, None] ** 2 + places**2 <= radius * radius
    weights = np.pad(inside.astype(np.float64), blur, "reflect")
    bell = [math.exp(-i * i / (2 * sigma * sigma)) for i in range(-blur, blur + 1)]
    bell, n = [b / math.fsum(bell) for b in bell], len(places)
    weights = sum((b * weights[i : i + n] for i, b in enumerate(bell)), np.zeros(()))
    weights = sum((b * weights[:, i : i + n] for i, b in enumerate(bell)), np.zeros(())) / int(inside.sum())
    flat = abs(weights / weights[reach, reach] - 1) < _FLAT
    height = flat.sum(0)
    taps = {}
    for i in range(reach + 1):
        for j in range(reach + 1):  # of those on an axis, two mirrored ones are the same pixel
            weight = weights[reach + i, reach + j] / (1 + (i == 0)) / (1 + (j == 0)) * 2**20
            if not flat[reach + i, reach + j] and weight >= 1:
                taps[i, j] = round(weight)
    rim = np.array(list(taps), np.int64).reshape(-1, 2)
    half = (height // 2 - (height == 0)).astype(np.int64)
    return Disk(half, np.float32(weights[reach, reach]), rim, np.array(list(taps.values()), np.int32))

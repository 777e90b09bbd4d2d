"""The corruption `elastic_transform`."""

import math
from typing import ClassVar

import numpy as np

from reliseg.corruptions.base import Corruption, Family, Key
from reliseg.corruptions.compiled.elastic import Smoothing, field, warp
from reliseg.corruptions.weights import float_gaussian
from reliseg.types import Image

_STRENGTHS = (12.5, 16.25, 21.25, 25.0, 30.0)


class ElasticTransform(Corruption):
    """Bent by a smooth random field (Hendrycks and Dietterich, ICLR 2019), by two pixels or so; masks stay as they are.

    The field has nothing finer than its sigma, of 1 % of a side: so noise on cells of a fifth of that, scaled by the
    root of a cell's area, has the same covariance as noise on pixels.
    """

    family: ClassVar[Family] = "digital"

    def __call__(self, image: Image, severity: int, key: Key) -> Image:
        """Return the corrupted image."""
        h, w = image.shape[:2]
        rows, columns = max(1, h // 500), max(1, w // 500)
        down, across = (_weights(n / size) for n, size in ((h, rows), (w, columns)))
        most = np.float32(0.005 * h * _STRENGTHS[severity - 1] / math.sqrt(rows * columns))
        spec = Smoothing(rows, columns, down, across, most)
        dy, dx = (field(h, w, spec, key, stream) for stream in (0, 1))
        return warp(image, dy, dx, rows, columns)


def _weights(cells: float) -> np.ndarray:
    sigma = 0.01 * cells
    return float_gaussian(sigma, int(3 * sigma + 0.5))

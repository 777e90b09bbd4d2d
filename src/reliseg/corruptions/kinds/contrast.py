"""The corruption `contrast`."""

from typing import ClassVar

import numpy as np

from reliseg.corruptions.base import Corruption, Family, Key
from reliseg.corruptions.compiled.lookup import by_channel, channel_sums
from reliseg.types import Image

_KEPT = (8, 6, 4, 2, 1)
"""Twentieths of each difference from the mean."""


class Contrast(Corruption):
    """40 to 5 % of each channel's contrast about its mean (Hendrycks and Dietterich, ICLR 2019)."""

    family: ClassVar[Family] = "digital"

    def __call__(self, image: Image, severity: int, key: Key) -> Image:
        """Return the corrupted image."""
        pixels, kept = image.shape[0] * image.shape[1], _KEPT[severity - 1]
        means = (20 - kept) * channel_sums(image)[:, None]
        table = (np.arange(256, dtype=np.int64) * (pixels * kept) + means) // (20 * pixels)
        return by_channel(image, table.astype(np.uint8))

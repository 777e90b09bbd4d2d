"""The corruption `jpeg_compression`."""

from io import BytesIO
from typing import ClassVar

import numpy as np
from PIL import Image as Pillow
from PIL import features

from reliseg.corruptions.base import Corruption, Family, Key
from reliseg.errors import image_size_text
from reliseg.types import Image

_QUALITIES = (25, 18, 15, 10, 7)
_LONGEST = 65_500
"""Pixels of a side, of libjpeg."""


class JpegCompression(Corruption):
    """JPEG of quality 25 to 7 (Hendrycks and Dietterich, ICLR 2019); its bytes are those of the JPEG library in use."""

    family: ClassVar[Family] = "digital"

    def __call__(self, image: Image, severity: int, key: Key) -> Image:
        """Return the corrupted image."""
        file = BytesIO()
        Pillow.fromarray(image).save(file, "JPEG", quality=_QUALITIES[severity - 1])
        with Pillow.open(file, formats=["JPEG"]) as picture:
            return np.array(picture)

    def problem(self, size: tuple[int, int]) -> str:
        """Return why images of this height and width cannot be corrupted so, or ""."""
        if max(size) <= _LONGEST:
            return ""
        return f"{image_size_text(size)}, and JPEG has sides of at most {_LONGEST}: leave out jpeg_compression"

    def library(self) -> str:
        """Return the JPEG library that Pillow was built with."""
        name = "libjpeg-turbo" if features.check("libjpeg_turbo") else "libjpeg"
        return f"{name} {features.version('libjpeg_turbo') or features.version('jpg')}"

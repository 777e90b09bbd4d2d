"""Images brought to the size that a model was trained at."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image as Pillow

from reliseg.types import Image

BILINEAR = int(Pillow.Resampling.BILINEAR)


def resize_image(image: Image, size: tuple[int, int], resample: int = BILINEAR) -> UInt8[np.ndarray, "h w 3"]:
    """Return the image at size (height, width). Pillow widens its filter when it shrinks, so nothing aliases."""
    if image.shape[:2] == size:
        return image
    return np.asarray(Pillow.fromarray(image).resize((size[1], size[0]), Pillow.Resampling(resample)))

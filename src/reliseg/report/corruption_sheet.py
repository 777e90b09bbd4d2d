"""A contact sheet of corruptions: a row for each kind, a column for each severity, and the clean image before them."""

from collections.abc import Sequence

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from reliseg.corruptions import Corrupted, Metres
from reliseg.types import Image

_WIDTH, _MOST = 240, 400
"""Columns and rows of a picture at most."""
_CAPTION, _GAP = 18, 4
_WHITE, _BLACK = (255, 255, 255), (20, 20, 20)


def corruption_sheet(
    image: Image, image_id: str, corruptions: Sequence[Corrupted], metres: Metres | None = None
) -> Image:
    """Draw an image under corruptions. They are of the whole image; what is shown is made smaller.

    `metres` say how far everything is, for those that need it.
    """
    kinds = list(dict.fromkeys(c.kind for c in corruptions))
    severities = sorted({c.severity for c in corruptions})
    width, height = _tile_size(image)
    canvas = Pillow.new(
        "RGB", ((len(severities) + 1) * (width + _GAP) - _GAP, len(kinds) * (height + _CAPTION)), _WHITE
    )
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(13)
    clean = _small(image, (width, height))

    def place(row: int, column: int, caption: str, picture: Pillow.Image) -> None:
        x, y = column * (width + _GAP), row * (height + _CAPTION)
        draw.text((x + 2, y + 1), caption, _BLACK, font)
        canvas.paste(picture, (x, y + _CAPTION))

    for row, kind in enumerate(kinds):
        place(row, 0, kind, clean)
    for one in corruptions:
        picture = _small(one(image, image_id, metres), (width, height))
        place(kinds.index(one.kind), severities.index(one.severity) + 1, str(one.severity), picture)
    return np.asarray(canvas)


def _tile_size(image: Image) -> tuple[int, int]:
    """Return width and height of a picture: never larger than the image."""
    h, w = image.shape[:2]
    factor = min(1.0, _WIDTH / w, _MOST / h)
    return max(round(w * factor), 1), max(round(h * factor), 1)


def _small(image: Image, size: tuple[int, int]) -> Pillow.Image:
    return Pillow.fromarray(image).resize(size, Pillow.Resampling.BOX)

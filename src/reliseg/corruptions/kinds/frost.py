"""The corruption `frost`."""

import math
from functools import cache
from typing import ClassVar

import numpy as np

from reliseg.corruptions.base import Corruption, Family, Key
from reliseg.corruptions.compiled.frost import ferns, frosted, pane_of
from reliseg.corruptions.compiled.plasma import plasma
from reliseg.corruptions.draws import key_of, uniform
from reliseg.types import Image, UInt8

_SHARES = ((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75))
"""Of the image and of the ice."""
_TONES = (
    (78, 149, 166, 20),
    (201, 205, 215, 22),
    (201, 205, 215, 22),
    (138, 153, 165, 29),
    (112, 123, 135, 43),
    (71, 95, 105, 42),
)
"""Mean red, green, blue and spread of the published pictures, of which two are the same."""
_SIDE, _CELLS, _LEVELS = 2048, (42, 28, 21, 17, 14, 12), 9


class Frost(Corruption):
    """A frozen pane before the image, blended as by Hendrycks and Dietterich (ICLR 2019); its ice is drawn here."""

    family: ClassVar[Family] = "weather"

    def __call__(self, image: Image, severity: int, key: Key) -> Image:
        """Return the corrupted image."""
        share, ice = _SHARES[severity - 1]
        index = int(uniform(key, 0, 0, len(_TONES)))
        *mean, spread = _TONES[index]
        levels = np.arange(256)
        table = np.stack([ice * np.clip(m + spread * (levels - 128) / 40, 0, 255) for m in mean])
        top, left = (int(uniform(key, number, 0, _SIDE)) for number in (1, 2))
        return frosted(image, _pane(index), top, left, np.float32(share), table.astype(np.float32))


@cache
def _pane(index: int) -> UInt8[np.ndarray, "p p"]:
    """Return one of six grey panes, which are drawn once in a process; they go on at their other side."""
    key = key_of(0, str(index), "frost")
    angles = [math.pi * i / 32 for i in range(64)]
    turns = np.array([[round(256 * math.cos(a)), round(256 * math.sin(a))] for a in angles], np.int64)
    drift = plasma(np.array([round(4e4 / 1.8 ** (2 * k)) for k in range(_LEVELS)], np.int64), key)
    return pane_of(ferns(_SIDE // 2, _CELLS[index], turns, key), drift)

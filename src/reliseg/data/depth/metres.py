"""Metres of what a depth map stores, and of what is known of the camera."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from reliseg.corruptions import Metres
from reliseg.data.depth.maps import DepthMaps, Number
from reliseg.runtime.text_files import decode_text
from reliseg.types import Float32, UInt16

_HOLE = -1.0


def metres_of(maps: DepthMaps, stored: UInt16[np.ndarray, "H W"], camera: bytes) -> Metres:
    """Return how far from the camera everything is; a ValueError says what is wrong with a file.

    Disparity is turned to depth by focal length and baseline: 0 is infinitely far. Holes get what is beside them.
    """
    from reliseg.corruptions.compiled.depth.distance import along_rays, filled_metres  # numba takes long to import

    numbers = _Camera(camera)
    focal = numbers.positive(maps.focal) if maps.focal is not None else 1.0
    product = focal * numbers.positive(maps.baseline) if maps.baseline is not None else 1.0
    metres = filled_metres(np.ascontiguousarray(stored), _table(maps, product))
    if metres[0, 0] < 0:
        raise ValueError("no pixel has a depth: all are holes")
    if maps.center:
        column, row = (numbers.of(number) for number in maps.center)
        along_rays(metres, focal, column, row)
    return metres


def _table(maps: DepthMaps, product: float) -> Float32[np.ndarray, "65536"]:
    """Return the depth of each value that may be stored; negative for holes."""
    values = (np.arange(65536, dtype=np.float64) - maps.offset) / maps.scale
    known = values >= 0
    if maps.stores == "disparity":
        values = np.divide(product, values, out=np.full(65536, np.inf), where=values > 0)
    table = np.where(known, values, _HOLE).astype(np.float32)
    table[list(maps.holes)] = _HOLE
    return table


class _Camera:
    """Numbers of a camera's file."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._table: Any = None

    def of(self, number: Number) -> float:
        """Return a number, as it is given or as it stands in the file."""
        if not isinstance(number, str):
            return number
        if self._table is None:
            try:
                self._table = json.loads(decode_text(self._content))
            except (ValueError, RecursionError) as error:
                raise ValueError(f"the camera's file is no JSON: {error}") from error
        value = self._table
        for key in number.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
            raise ValueError(f"the camera's file has no number {number}")
        return float(value)

    def positive(self, number: Number) -> float:
        """Return a number above 0."""
        if (value := self.of(number)) <= 0:
            raise ValueError(f"the camera's file has {value:g} for {number}, and it must be above 0")
        return value

"""Weights of blurs as integers, and places beyond the edge: made once for an image, by `math`, and rounded."""

import math
from collections.abc import Sequence

import numpy as np

from reliseg.corruptions.compiled.line import Line
from reliseg.types import Float32, Int32, Int64

_UNIT = 1 << 15
DOWN, NEAREST = 1 << 4, _UNIT // 2
"""How sums of `half_line` become bytes. Down: of an even image weights that were rounded lose no level."""
ZOOM_UNIT = 2048
"""Units of the weights of `middle`."""


def gaussian(sigma: float, reach: int) -> Int32[np.ndarray, " k"]:
    """Return the weights of a Gaussian from -reach to reach, which add up to 2**15."""
    weights = _rounded([_bell(k, sigma) for k in range(-reach, reach + 1)])
    weights[reach] += _UNIT - sum(weights)
    return np.array(weights, np.int32)


def float_gaussian(sigma: float, reach: int) -> Float32[np.ndarray, " k"]:
    """Return the weights of a Gaussian from -reach to reach, which add up to 1, in float32."""
    weights = [_bell(k, sigma) for k in range(-reach, reach + 1)]
    total = math.fsum(weights)
    return np.array([weight / total for weight in weights], np.float32)


def half_line(radius: int, sigma: float, degrees: float, start: int) -> Line:
    """Return half a Gaussian along a line of whole pixels, from 0 to 2 radius: ImageMagick's motion blur.

    `start` is that of the line.
    """
    steps, angle = range(2 * radius + 1), math.radians(degrees)
    weights = _rounded([_bell(k, sigma) for k in steps])
    weights[0] += _UNIT - sum(weights)
    taps = [(-math.ceil(k * math.sin(angle) - 0.5), -math.ceil(k * math.cos(angle) - 0.5)) for k in steps]
    return Line(np.array(taps, np.int64), np.array(weights, np.int32), start)


def middle(size: int, factor: float) -> tuple[Int32[np.ndarray, " n"], Int32[np.ndarray, " n"]]:
    """Return where `scipy.ndimage.zoom` of the middle of an axis reads: first pixels, and weights of the next ones.

    Corners lie on corners; weights are in units of 2**-11.
    """
    part = math.ceil(size / factor)
    whole = round(part * factor)
    places = np.arange(size) * ((part - 1) / (whole - 1) if whole > 1 else 0.0)
    places = np.minimum(places, part - 1)
    first = np.minimum(places.astype(np.int32), max(part - 2, 0))
    weights = np.floor((places - first) * ZOOM_UNIT + 0.5)
    return (first + (size - part) // 2).astype(np.int32), weights.astype(np.int32)


def reflected(size: int, margin: int) -> Int64[np.ndarray, " n"]:
    """Return the pixels of an axis with a margin that mirrors them; that of the edge itself stands once."""
    if size == 1:
        return np.zeros(1 + 2 * margin, np.int64)
    places = np.abs(np.arange(-margin, size + margin)) % (2 * size - 2)
    return np.minimum(places, 2 * size - 2 - places)


def repeated(size: int, margin: int) -> Int64[np.ndarray, " n"]:
    """Return the pixels of an axis with a margin that repeats those of the edge."""
    return np.clip(np.arange(-margin, size + margin), 0, size - 1)


def _bell(place: float, sigma: float) -> float:
    return math.exp(-place * place / (2 * sigma * sigma))


def _rounded(weights: Sequence[float]) -> list[int]:
    total = math.fsum(weights)
    return [round(weight / total * _UNIT) for weight in weights]

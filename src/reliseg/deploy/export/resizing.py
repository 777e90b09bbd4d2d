"""Images brought to the size that a network sees, in operators that every graph has, to the bit as a library does it.

All libraries here add up some places along one axis, then along the other one, and round in between.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from PIL.Image import Resampling
from torch import Tensor

from reliseg.models.inference.resizing import Resizing, Size, resize_image
from reliseg.types import Float, Int32, Int64

Pixels: TypeAlias = Float[Tensor, "n 3 H W"]
"""8-bit values."""
_PILLOW, _OPENCV = 22, 11
"""Bits of the fractions that weights are."""


class Taps(NamedTuple):
    """For each place along an axis, the places that are added up, and their weights."""

    places: Int64[np.ndarray, "k t"]
    weights: Int64[np.ndarray, "k t"]


def can_resize(resizing: Resizing) -> bool:
    """Tell if the interpolation is known here."""
    return resizing.interpolation != "pillow" or resizing.resample in _FILTERS


def resize(pixels: Pixels, resizing: Resizing, scale: float = 1.0) -> Pixels:
    """Return the images as the library of the interpolation resizes them, 8-bit values again."""
    size = pixels.shape[2], pixels.shape[3]
    target = resizing.size_for(size, scale)
    if target == size:
        return pixels
    if resizing.interpolation == "torch":
        resized = torch.nn.functional.interpolate(pixels, target, mode="bilinear", align_corners=False, antialias=True)
        return resized.round().clamp(0, 255)
    values = pixels.to(torch.int32)
    if resizing.interpolation == "opencv":
        return _by_opencv(values, target)
    return _by_pillow(values, target, resizing.resample, pillow_order(size, target, resizing.resample))


@cache
def pillow_order(size: Size, target: Size, resample: int) -> tuple[int, int]:
    """Return the axes in the order in which Pillow takes them, which differs between its versions.

    It is seen on noise, which both orders make other images of. Call it before a graph is traced.
    """
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    wanted = torch.tensor(resize_image(noise, target, resample)).permute(2, 0, 1).float()
    given = torch.tensor(noise).permute(2, 0, 1)[None].to(torch.int32)
    orders = (3, 2), (2, 3)
    return next((o for o in orders if torch.equal(_by_pillow(given, target, resample, o)[0], wanted)), orders[0])


@cache
def pillow_taps(size: int, target: int, resample: int) -> Taps:
    """Return what Pillow adds up along an axis; its filter is as much wider as the image shrinks."""
    support, kernel = _FILTERS[resample]
    scale = size / target
    stretch = max(scale, 1.0)
    reach = support * stretch
    taps = 2 * math.ceil(reach) + 1
    places, weights = np.zeros((taps, target), np.int64), np.zeros((taps, target))
    for t in range(target):
        centre = (t + 0.5) * scale
        first, last = max(int(centre - reach + 0.5), 0), min(int(centre + reach + 0.5), size)
        own = np.array([kernel((x - centre + 0.5) / stretch) for x in range(first, last)])
        places[: last - first, t] = np.arange(first, last)
        weights[: last - first, t] = own / own.sum()
    scaled = weights * (1 << _PILLOW)
    units = np.trunc(scaled + np.where(scaled < 0, -0.5, 0.5)).astype(np.int64)
    used = (units != 0).any(axis=1)
    return Taps(places[used], units[used])


@cache
def opencv_taps(size: int, target: int, *, across: bool) -> Taps:
    """Return what OpenCV adds up along an axis, bilinearly; at the borders it weighs otherwise across than down."""
    at = ((np.arange(target) + 0.5) * (size / target) - 0.5).astype(np.float32)
    first = np.floor(at).astype(np.int64)
    fraction = at - first.astype(np.float32)
    if across:
        fraction[(first < 0) | (first >= size - 1)] = 0
    places = np.clip(np.stack([first, first + 1]), 0, size - 1)
    scale = np.float32(1 << _OPENCV)
    return Taps(places, np.rint(np.stack([(1 - fraction) * scale, fraction * scale])).astype(np.int64))


def _by_pillow(values: Int32[Tensor, "n 3 H W"], target: Size, resample: int, order: tuple[int, int]) -> Pixels:
    for axis in order:
        length = values.shape[axis]
        if target[axis - 2] != length:
            total = sum(_parts(values, axis, pillow_taps(length, target[axis - 2], resample)))
            values = _shifted(total + (1 << (_PILLOW - 1)), _PILLOW).clamp(0, 255)
    return values.float()


def _by_opencv(values: Int32[Tensor, "n 3 H W"], target: Size) -> Pixels:
    across = opencv_taps(values.shape[3], target[1], across=True)
    down = opencv_taps(values.shape[2], target[0], across=False)
    lines = _shifted(sum(_parts(values, 3, across)), 4)
    total = sum(_shifted(part, 16) for part in _parts(lines, 2, down))
    return _shifted(total + 2, 2).clamp(0, 255).float()


def _parts(values: Tensor, axis: int, taps: Taps) -> list[Tensor]:
    """Return what is added up along an axis."""
    shape = (1, 1, -1, 1) if axis == 2 else (1, 1, 1, -1)
    return [
        values.index_select(axis, torch.from_numpy(places)) * torch.tensor(weights, dtype=torch.int32).view(shape)
        for places, weights in zip(*taps, strict=True)
    ]


def _shifted(values: Tensor | int, bits: int) -> Tensor:
    """Return whole numbers over a power of two, rounded down. Graphs shift numbers without sign alone."""
    assert isinstance(values, Tensor), "there are weights"
    return (values.double() / (1 << bits)).floor().to(torch.int32)


def _triangle(x: float) -> float:
    return max(0.0, 1 - abs(x))


def _cubic(x: float) -> float:
    x, a = abs(x), -0.5
    if x < 1:
        return ((a + 2) * x - (a + 3)) * x * x + 1
    return (((x - 5) * x + 8) * x - 4) * a if x < 2 else 0.0


def _lanczos(x: float) -> float:
    return _sinc(x) * _sinc(x / 3) if -3 <= x < 3 else 0.0


def _sinc(x: float) -> float:
    return 1.0 if x == 0 else math.sin(math.pi * x) / (math.pi * x)


_FILTERS: dict[int, tuple[float, Callable[[float], float]]] = {
    int(Resampling.BILINEAR): (1.0, _triangle),
    int(Resampling.BICUBIC): (2.0, _cubic),
    int(Resampling.LANCZOS): (3.0, _lanczos),
}

"""Air that scatters light: its colour, taken from the image, and the image seen through it."""

from typing import TypeAlias

import numpy as np

from reliseg.runtime.arithmetic import F32, I32, I64, from_bits
from reliseg.runtime.numba_compile import exact_njit, inline_exact_njit
from reliseg.types import Float32, Image, Int64, UInt8

U8: TypeAlias = np.uint8
_REACH = 7
"""Pixels each way of the patch whose darkest byte counts: 15 x 15."""
_GREY = (299, 587, 114)
"""Thousandths of red, green and blue in grey."""
_MOST = F32(87)
"""exp(-87) is hardly more than the least normal float."""
_LOG2E, _LN2_HIGH, _LN2_LOW = F32(1.44269504), F32(0.693359375), F32(-2.12194440e-4)
_ONE, _HALF = F32(1), F32(0.5)


@inline_exact_njit
def decay(x: F32) -> F32:
    """Return exp(-x) of x >= 0, within 3e-7 of its value: 1 at 0, and about 2**-125 for all that is over 87."""
    x = min(x, _MOST)
    k = I32(x * _LOG2E + _HALF)
    r = F32(k) * _LN2_HIGH - x + F32(k) * _LN2_LOW
    p = F32(1 / 120) + r * F32(1 / 720)
    p = F32(1 / 6) + r * (F32(1 / 24) + r * p)
    p = _ONE + r * (_ONE + r * (_HALF + r * p))
    return p * from_bits(I32(I32(I32(127) - k) << I32(23)))


@exact_njit
def decays(x: Float32[np.ndarray, " n"]) -> Float32[np.ndarray, " n"]:
    """Return exp(-x) of each number."""
    out = np.empty_like(x)
    for i in range(len(x)):
        out[i] = decay(x[i])
    return out


@exact_njit
def dark_channel(image: Image) -> UInt8[np.ndarray, "H W"]:
    """Return the smallest byte in the 15 x 15 pixels about each pixel (He et al., CVPR 2009)."""
    h, w = image.shape[0], image.shape[1]
    flat, out = np.empty((h, w), U8), np.empty((h, w), U8)
    row = np.empty(w + 2 * _REACH, U8)
    for y in range(h):
        row[:] = U8(255)
        for x in range(w):
            row[x + _REACH] = min(image[y, x, 0], min(image[y, x, 1], image[y, x, 2]))
        line = flat[y]
        line[:] = row[:w]
        for k in range(1, 2 * _REACH + 1):
            for x in range(w):
                line[x] = min(line[x], row[x + k])
    for y in range(h):
        line, first = out[y], max(y - _REACH, 0)
        line[:] = flat[first]
        for k in range(first + 1, min(y + _REACH + 1, h)):
            other = flat[k]
            for x in range(w):
                line[x] = min(line[x], other[x])
    return out


@exact_njit
def airlight(image: Image, dark: UInt8[np.ndarray, "H W"]) -> UInt8[np.ndarray, "3"]:
    """Return the colour of the air: of the thousandth of the pixels with the brightest dark channel, that of median
    grey (Tang et al., CVPR 2014). They are an odd number; of equal ones those count that come first.
    """
    h, w = image.shape[0], image.shape[1]
    count = h * w // 1000
    count += (count + 1) % 2
    numbers = np.zeros(256, I64)
    for y in range(h):
        for x in range(w):
            numbers[dark[y, x]] += 1
    level, above = 255, I64(0)
    while above + numbers[level] < count:
        above += numbers[level]
        level -= 1
    equal, places, greys = count - above, np.empty((count, 2), I64), np.empty(count, I64)
    n = 0
    for y in range(h):
        for x in range(w):
            if dark[y, x] > level or (dark[y, x] == level and equal > 0):
                equal -= 1 if dark[y, x] == level else 0
                places[n, 0], places[n, 1], greys[n] = y, x, _grey(image[y, x])
                n += 1
    middle = np.sort(greys)[count // 2]
    for i in range(count):
        if greys[i] == middle:
            return image[places[i, 0], places[i, 1]].copy()
    return image[0, 0].copy()


@inline_exact_njit
def _grey(pixel: Int64[np.ndarray, "3"]) -> I64:
    return I64(pixel[0]) * _GREY[0] + I64(pixel[1]) * _GREY[1] + I64(pixel[2]) * _GREY[2]


@exact_njit
def hazed(image: Image, metres: Float32[np.ndarray, "H W"], thickness: F32, air: UInt8[np.ndarray, "3"]) -> Image:
    """Return the image through air that keeps exp(-thickness) of the light a metre, and adds its own colour."""
    out = np.empty_like(image)
    r, g, b = F32(air[0]), F32(air[1]), F32(air[2])
    kept = np.empty(image.shape[1], F32)
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            kept[x] = decay(metres[y, x] * thickness)
        for x in range(image.shape[1]):
            t, s = kept[x], _ONE - kept[x]
            out[y, x, 0] = U8(F32(image[y, x, 0]) * t + r * s + _HALF)
            out[y, x, 1] = U8(F32(image[y, x, 1]) * t + g * s + _HALF)
            out[y, x, 2] = U8(F32(image[y, x, 2]) * t + b * s + _HALF)
    return out

"""Streaks of rain, drawn one by one, and an image behind them."""

from typing import NamedTuple

import numpy as np

from reliseg.corruptions.compiled.philox import U8, U32, words
from reliseg.runtime.arithmetic import I64
from reliseg.runtime.numba_compile import exact_njit, inline_exact_njit
from reliseg.types import Image, Int64, UInt8, UInt64


class Shower(NamedTuple):
    """Drops that fall `slant` / 2**8 columns a row; all numbers are for an image of `scale` rows."""

    drops: int
    slant: int
    scale: int
    strength: int
    """Of the brightest streak, of 255."""


@inline_exact_njit
def add_streak(layer: UInt8[np.ndarray, "h w"], top: I64, left: I64, shape: tuple[I64, I64, I64, I64]) -> None:
    """Add a streak; left, width and slant are in 256ths of a pixel. Towards both ends it fades."""
    h, w = layer.shape
    length, width, slant, strength = shape
    for t in range(length):
        y = top + t
        if y < 0 or y >= h:
            continue
        level = strength * (length - abs(2 * t + 1 - length)) // length
        first = left + slant * t
        last = first + width
        for x in range(max(first >> 8, I64(0)), min((last - 1 >> 8) + 1, I64(w))):
            cover = min(last, I64((x + 1) << 8)) - max(first, I64(x << 8))
            layer[y, x] = U8(min(I64(255), I64(layer[y, x]) + I64(level * cover >> 8)))


@exact_njit
def streaks(h: int, w: int, shower: Shower, key: UInt64[np.ndarray, "4"]) -> UInt8[np.ndarray, "h w"]:
    """Return how much of each pixel is rain, of 255: few drops are near, long, wide and bright, and most are far."""
    layer = np.zeros((h, w), U8)
    u = np.empty(4 * shower.drops, U32)
    words(key, 0, u)
    longest = shower.scale // 8 + 2
    reach = abs(shower.slant) * longest >> 8
    for i in range(shower.drops):
        near = I64(u[i] >> U32(16))
        near = near * near >> 16
        near = near * near >> 16  # the fourth power of a uniform number, in units of 2**-16
        length = 2 + (shower.scale * (1 << 16) // 50 + near * shower.scale // 10 >> 16)
        width = I64(1 + (shower.scale * 58 >> 8) + (near * shower.scale >> 17))
        top = (I64(u[i + shower.drops]) * (h + longest) >> 32) - longest
        left = (I64(u[i + 2 * shower.drops]) * (w + 2 * reach + 2) >> 24) - ((reach + 1) << 8)
        turn = shower.slant + I64(u[i] & U32(15)) - 8
        level = shower.strength * ((1 << 15) + (near >> 1)) >> 16
        add_streak(layer, top, left, (length, width, turn, level))
    return layer


@exact_njit
def rained(
    image: Image, layer: UInt8[np.ndarray, "h w"], air: UInt8[np.ndarray, "3 256"], light: Int64[np.ndarray, "3"]
) -> Image:
    """Return the image as `air` shows its bytes, moved towards the light where there is rain."""
    out = np.empty_like(image)
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            a = I64(layer[y, x])
            for c in range(3):
                v = I64(air[c, image[y, x, c]])
                out[y, x, c] = U8(v + ((light[c] - v) * a + 127) // 255)
    return out

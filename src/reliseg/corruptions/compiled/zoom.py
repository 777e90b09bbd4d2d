"""Magnified middles of an image."""

from typing import NamedTuple

import numpy as np

from reliseg.corruptions.compiled.philox import U8
from reliseg.runtime.arithmetic import F32, U64
from reliseg.runtime.numba_compile import exact_njit
from reliseg.types import Image, Int32


class Lines(NamedTuple):
    """Where the pixels of an axis are read, for each magnification: a first pixel, and the weight of the next one."""

    first: Int32[np.ndarray, "k n"]
    weight: Int32[np.ndarray, "k n"]
    """In units of 2**-11."""


@exact_njit
def zooms(image: Image, rows: Lines, columns: Lines) -> Image:
    """Return the mean of the image and its magnified middles.

    A line is interpolated between rows once. Between columns, four neighbouring floats of it are one vector, three of
    which are the pixel.
    """
    n, h, w = len(rows.first), image.shape[0], image.shape[1]
    src, line = image.reshape(h, 3 * w), np.zeros(3 * w + 8, F32)
    acc, out = np.empty((w, 4), F32), np.empty((h, w, 3), U8)
    whole = F32(1) / F32(n + 1)
    for y in range(h):
        acc[:] = F32(0.01)
        for k in range(n):
            i, first = rows.first[k, y], columns.first[k]
            a, b, f = src[i], src[min(i + 1, h - 1)], F32(rows.weight[k, y]) * F32(1 / 2048)
            for i in range(U64(3 * first[0]), U64(3 * min(first[w - 1] + 2, w))):
                v = F32(a[i])
                line[i] = v + (F32(b[i]) - v) * f
            for x in range(U64(w)):
                j, g = U64(3) * U64(first[x]), F32(columns.weight[k, x]) * F32(1 / 2048)
                for c in range(U64(4)):
                    v = line[j + c]
                    acc[x, c] += v + (line[j + U64(3) + c] - v) * g
        for x in range(U64(w)):
            for c in range(U64(3)):
                out[y, x, c] = U8((acc[x, c] + F32(image[y, x, c])) * whole)
    return out

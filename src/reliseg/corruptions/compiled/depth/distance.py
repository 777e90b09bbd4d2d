"""How far everything in an image is, from a stored map with holes."""

import math

import numpy as np

from reliseg.runtime.arithmetic import F32
from reliseg.runtime.numba_compile import exact_njit
from reliseg.types import Float32, UInt16

_HOLE = F32(-1)


@exact_njit
def filled_metres(
    stored: UInt16[np.ndarray, "H W"], metres: Float32[np.ndarray, "65536"]
) -> Float32[np.ndarray, "H W"]:
    """Return the depth of each pixel, looked up in `metres`, which is negative for values that mean a hole.

    A hole gets the larger depth of the two pixels beside it in its row: it is what lies behind an edge that one of two
    cameras does not see. At the ends of a row there is one. A row of holes gets the row above, the first rows that
    below. Where all are holes, all stays negative.
    """
    h, w = stored.shape
    out, first = np.empty((h, w), F32), h
    for y in range(h):
        line, left, start = out[y], _HOLE, 0
        for x in range(w):
            line[x] = metres[stored[y, x]]
            if line[x] >= 0:
                line[start:x] = max(left, line[x])
                left, start = line[x], x + 1
        line[start:] = left
        if left >= 0:
            first = min(first, y)
        elif first < y:
            line[:] = out[y - 1]
    if first < h:
        for y in range(first):
            out[y] = out[first]
    return out


@exact_njit
def along_rays(metres: Float32[np.ndarray, "H W"], focal: float, column: float, row: float) -> None:
    """Make distances from the camera of depths, which are along its axis; `column` and `row` are where that is."""
    h, w = metres.shape
    across = np.empty(w, np.float64)
    for x in range(w):
        across[x] = (x - column) / focal * ((x - column) / focal)
    for y in range(h):
        up = 1.0 + (y - row) / focal * ((y - row) / focal)
        for x in range(w):
            metres[y, x] = F32(np.float64(metres[y, x]) * math.sqrt(up + across[x]))

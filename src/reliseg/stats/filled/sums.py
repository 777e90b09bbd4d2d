"""Sums of floats in the order of `numpy.sum`, so that compiled code gives NumPy's bits."""

import numpy as np

from reliseg.runtime.numba_compile import exact_njit, inline_exact_njit
from reliseg.types import Float64

_BLOCK = 128
_LANES = 8

Terms = Float64[np.ndarray, " b"]


@exact_njit
def pairwise_sum(a: Terms) -> float:
    """Return the sum in the order of `numpy.sum`: halves of a multiple of eight, down to blocks of 128."""
    if len(a) <= _BLOCK:
        return 0.0 + _block_sum(a, 0, len(a))
    (starts, sizes, is_second), sums = np.empty((3, 64), np.int64), np.empty(64)
    depth = 0
    starts[0], sizes[0] = 0, len(a)
    value = 0.0
    while True:
        while sizes[depth] > _BLOCK:
            half = sizes[depth] // 2
            half -= half % _LANES
            is_second[depth] = 0
            starts[depth + 1], sizes[depth + 1] = starts[depth], half
            depth += 1
        value = _block_sum(a, starts[depth], sizes[depth])
        while depth > 0:
            depth -= 1
            if is_second[depth]:
                value = sums[depth] + value
                continue
            sums[depth], is_second[depth] = value, 1
            half = sizes[depth + 1]
            starts[depth + 1], sizes[depth + 1] = starts[depth] + half, sizes[depth] - half
            depth += 1
            break
        else:
            return 0.0 + value


@inline_exact_njit
def _block_sum(a: Terms, start: int, n: int) -> float:
    if n < _LANES:
        value = -0.0
        for i in range(n):
            value += a[start + i]
        return value
    r = (a[start], a[start + 1], a[start + 2], a[start + 3])
    s = (a[start + 4], a[start + 5], a[start + 6], a[start + 7])
    r0, r1, r2, r3 = r
    r4, r5, r6, r7 = s
    whole = n - n % _LANES
    for i in range(start + _LANES, start + whole, _LANES):
        r0 += a[i]
        r1 += a[i + 1]
        r2 += a[i + 2]
        r3 += a[i + 3]
        r4 += a[i + 4]
        r5 += a[i + 5]
        r6 += a[i + 6]
        r7 += a[i + 7]
    value = ((r0 + r1) + (r2 + r3)) + ((r4 + r5) + (r6 + r7))
    for i in range(start + whole, start + n):
        value += a[i]
    return value


@exact_njit
def whole_and_rest(rows: Float64[np.ndarray, "m b"]) -> tuple[Terms, Terms]:
    """Return the sums over rows of the whole parts of numbers, and of what is left of them, in one pass."""
    whole, rest = np.zeros(rows.shape[1]), np.zeros(rows.shape[1])
    for i in range(len(rows)):
        row = rows[i]
        for k in range(len(row)):
            down = np.floor(row[k])
            whole[k] += down
            rest[k] += row[k] - down
    return whole, rest

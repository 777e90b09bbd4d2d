"""Sums of floats in the order of `numpy.sum`, so that compiled code gives NumPy's bits."""

import numpy as np

from reliseg.runtime.numba_compile import exact_njit, inline_exact_njit
from reliseg.types import Float64, Int64

_BLOCK = 128
_LANES = 8

Terms = Float64[np.ndarray, " b"]


Tree = tuple[Int64[np.ndarray, " k"], Int64[np.ndarray, " k"], Terms]
"""Where each part of an array ends that is summed by itself, to how many of the sums before it its own is added, and
room for those that wait.
"""


@exact_njit
def tree(n: int) -> Tree:
    """Return the order in which `numpy.sum` adds up n numbers: halves of a multiple of eight, down to parts of 128."""
    most = n // (_BLOCK // 2) + 1
    ends, joins = np.empty(most, np.int64), np.empty(most, np.int64)
    sizes, pending = np.empty(64, np.int64), np.empty(64, np.int64)
    sizes[0], pending[0] = n, 0
    waiting, parts, end = 1, 0, 0
    while waiting:
        waiting -= 1
        size, additions = sizes[waiting], pending[waiting]
        if size <= _BLOCK:
            end += size
            ends[parts], joins[parts] = end, additions
            parts += 1
        else:
            half = size // 2
            half -= half % _LANES
            sizes[waiting], pending[waiting] = size - half, additions + 1
            sizes[waiting + 1], pending[waiting + 1] = half, 0
            waiting += 2
    return ends[:parts].copy(), joins[:parts].copy(), np.empty(64)


@inline_exact_njit
def _join(value: float, joins: int, waiting: int, room: Terms) -> int:
    """Add the sum of a part to so many of those that wait, and let it wait; return how many do then."""
    for _ in range(joins):
        waiting -= 1
        value = room[waiting] + value
    room[waiting] = value
    return waiting + 1


@inline_exact_njit
def sum_of_parts(order: Tree, of_parts: Terms) -> float:
    """Return the sum of what the parts of an order add up to."""
    _, joins, room = order
    waiting = 0
    for k in range(len(joins)):
        waiting = _join(of_parts[k], joins[k], waiting, room)
    return 0.0 + room[0]


@inline_exact_njit
def sum_by(order: Tree, a: Terms) -> float:
    """Return the sum of numbers, in the order of as many."""
    ends, joins, room = order
    if len(ends) == 1:
        return 0.0 + sum_of_part(a, 0, len(a))
    start, waiting = 0, 0
    for k in range(len(ends)):
        waiting = _join(sum_of_part(a, start, ends[k] - start), joins[k], waiting, room)
        start = ends[k]
    return 0.0 + room[0]


@exact_njit
def pairwise_sum(a: Terms) -> float:
    """Return the sum in the order of `numpy.sum`."""
    return sum_by(tree(len(a)), a)


@inline_exact_njit
def sum_of_part(a: Terms, start: int, n: int) -> float:
    """Return the sum of up to 128 numbers from a place on: eight sums, of every eighth number."""
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

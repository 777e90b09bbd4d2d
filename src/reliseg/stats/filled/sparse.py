"""Sparse arrays of stored statistics: read and added up in one pass."""

import numpy as np

from reliseg.runtime.numba_compile import exact_njit, inline_exact_njit
from reliseg.types import Float64, Int, Int32, Int64, UInt8, UInt32

Bytes = UInt8[np.ndarray, " n"]
Number = int | np.int64

_HEAD = 19
"""Bytes of the numbers that an array begins with: see `reliseg.run.store.sparse_arrays`."""


@inline_exact_njit
def _joined(content: Bytes, at: Number, apart: Number, width: Number) -> np.int64:
    """Return the number whose bytes, the lowest first, stand from a place on, so far apart."""
    number = np.int64(0)
    for k in range(width):
        number |= np.int64(content[at + k * apart]) << np.int64(8 * k)
    return number


@inline_exact_njit
def _add_values(content: Bytes, at: Number, apart: Number, width: Number, into: Int64[np.ndarray, " c"]) -> None:
    """Add numbers that stand one after the other, plane by plane: two bytes of each at once, as most have two.

    What is sliced needs no look at negative places, so that several numbers are added at once.
    """
    count = len(into)
    for k in range(0, width - 1, 2):
        low = content[at + k * apart : at + k * apart + count]
        high = content[at + (k + 1) * apart : at + (k + 1) * apart + count]
        for i in range(count):
            into[i] += (np.int64(low[i]) | (np.int64(high[i]) << np.int64(8))) << np.int64(8 * k)
    if width % 2:
        last = content[at + (width - 1) * apart : at + (width - 1) * apart + count]
        for i in range(count):
            into[i] += np.int64(last[i]) << np.int64(8 * (width - 1))


@inline_exact_njit
def _any_below_zero(content: Bytes, at: Number, count: Number, width: Number) -> bool:
    """Tell if so many numbers, which stand from a place on, have a negative one: only all eight bytes hold it."""
    return bool(width == 8 and count > 0 and content[at + 7 * count : at + 8 * count].max() >= 128)


@inline_exact_njit
def _add_array(content: Bytes, at: Number, into: Int64[np.ndarray, " c"]) -> tuple[Number, bool]:
    """Add the array that begins at a place; return where it ends, or -1 where there is none, and if any is negative."""
    if at + _HEAD > len(content):
        return -1, False
    runs, count = _joined(content, at, 1, 8), _joined(content, at + 8, 1, 8)
    of_gap, of_length, of_value = np.int64(content[at + 16]), np.int64(content[at + 17]), np.int64(content[at + 18])
    if min(of_gap, of_length, of_value) < 1 or max(of_gap, of_length, of_value) > 8:
        return -1, False
    if not (0 <= runs <= len(content) and 0 <= count <= len(content)):
        return -1, False
    gaps = at + _HEAD
    lengths = gaps + runs * of_gap
    values = lengths + runs * of_length
    end = values + count * of_value
    if end > len(content):
        return -1, False
    place, done, cells = np.int64(0), np.int64(0), len(into)
    for i in range(runs):
        gap = _joined(content, gaps + i, runs, of_gap)
        if gap < 0 or gap >= cells - place or (i > 0 and gap == 0):
            return -1, False
        place += gap
        length = _joined(content, lengths + i, runs, of_length)
        if length < 1 or length > cells - place or length > count - done:
            return -1, False
        _add_values(content, values + done, count, of_value, into[place : place + length])
        place, done = place + length, done + length
    if done != count:
        return -1, False
    return end, _any_below_zero(content, values, count, of_value)


@exact_njit
def add_arrays(content: Bytes, cells: Int64[np.ndarray, " k"], into: Int64[np.ndarray, " c"]) -> tuple[bool, bool]:
    """Add sparse arrays of so many cells, which stand one after the other, to all cells, which lie as they do.

    Return whether they are such arrays, and nothing else, and whether any value is negative. Where they are none, some
    may have been added.
    """
    any_below = False
    at: Number = np.int64(0)
    first = np.int64(0)
    for i in range(len(cells)):
        at, is_below = _add_array(content, at, into[first : first + cells[i]])
        if at < 0:
            return False, False
        any_below |= is_below
        first += cells[i]
    return at == len(content) and first == len(into), any_below


@exact_njit
def add_rows(
    counts: UInt32[np.ndarray, "m r f"],
    group: Int64[np.ndarray, " m"],
    places: Int64[np.ndarray, " f"],
    into: Float64[np.ndarray, "g r b"],
) -> None:
    """Add counts of so many bins, which are at these places, to those of each row's group."""
    rows, roles, bins = counts.shape
    for i in range(rows):
        for role in range(roles):
            for k in range(bins):
                if counts[i, role, k] != 0:
                    into[group[i], role, places[k]] += counts[i, role, k]


@exact_njit
def filled_cells(cells: Int64[np.ndarray, " c"]) -> tuple[Int32[np.ndarray, " f"], Int64[np.ndarray, " f"]]:
    """Return the places of what is not 0, and its values."""
    number = 0
    for i in range(len(cells)):
        number += cells[i] != 0
    places, values = np.empty(number, np.int32), np.empty(number, np.int64)
    k = 0
    for i in range(len(cells)):
        if cells[i] != 0:
            places[k], values[k] = i, cells[i]
            k += 1
    return places, values


@exact_njit
def filled_columns(counts: Int[np.ndarray, "r b"]) -> tuple[Int64[np.ndarray, " f"], Int[np.ndarray, "r f"]]:
    """Return the places of the columns that are not 0, and these columns."""
    rows, bins = counts.shape
    bits = np.zeros(bins, counts.dtype)
    for r in range(rows):
        row = counts[r]  # sliced, as in `_add_values`
        for b in range(bins):
            bits[b] |= row[b]
    every = np.empty(bins, np.int64)
    number = 0
    for b in range(bins):
        every[number] = b
        number += bits[b] != 0
    places, columns = every[:number].copy(), np.empty((rows, number), counts.dtype)
    for r in range(rows):
        row = counts[r]
        for k in range(number):
            columns[r, k] = row[places[k]]
    return places, columns

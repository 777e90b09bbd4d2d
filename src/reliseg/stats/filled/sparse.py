"""Sparse arrays of stored statistics: read and added up in one pass."""

import numpy as np

from reliseg.runtime.numba_compile import exact_njit, inline_exact_njit
from reliseg.types import Float64, Int32, Int64, UInt8, UInt32

Planes = UInt8[np.ndarray, "w n"]


@inline_exact_njit
def _joined(planes: Planes, first: int, width: int, i: int) -> np.int64:
    """Return the number whose bytes, the lowest first, stand at place i of so many planes."""
    number = np.int64(0)
    for k in range(width):
        number |= np.int64(planes[first + k, i]) << np.int64(8 * k)
    return number


@inline_exact_njit
def _add_entries(planes: Planes, steps: int, widths: int, into: Int64[np.ndarray, " c"]) -> tuple[bool, np.int64]:
    """Add entries whose steps and values have so many bytes: the compiler makes straight code of constant numbers."""
    place, least, cells = np.int64(0), np.int64(0), len(into)
    for i in range(planes.shape[1]):
        step = _joined(planes, 0, steps, i)
        if step < 0 or step >= cells - place or (i > 0 and step == 0):
            return False, least
        place += step
        value = _joined(planes, steps, widths, i)
        least = min(least, value)
        into[place] += value
    return True, least


@exact_njit
def add_entries(planes: Planes, steps: int, into: Int64[np.ndarray, " c"]) -> tuple[bool, np.int64]:
    """Add the values of a sparse array to all its cells; return whether it is one, and its least value or 0.

    Of the planes, so many hold the bytes of the steps from place to place, and the others those of values.
    """
    widths = planes.shape[0] - steps  # below those that are common
    if steps == 3 and widths == 2:
        return _add_entries(planes, 3, 2, into)
    if steps == 1 and widths == 2:
        return _add_entries(planes, 1, 2, into)
    if steps == 3 and widths == 4:
        return _add_entries(planes, 3, 4, into)
    if steps == 1 and widths == 4:
        return _add_entries(planes, 1, 4, into)
    if steps == 2 and widths == 3:
        return _add_entries(planes, 2, 3, into)
    return _add_entries(planes, steps, widths, into)


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
def filled_columns(counts: Int64[np.ndarray, "r b"]) -> tuple[Int64[np.ndarray, " f"], Int64[np.ndarray, "r f"]]:
    """Return the places of the columns that are not 0, and these columns."""
    rows, bins = counts.shape
    is_filled = np.zeros(bins, np.bool_)
    for r in range(rows):
        for b in range(bins):
            is_filled[b] |= counts[r, b] != 0
    number = 0
    for b in range(bins):
        number += is_filled[b]
    places, columns = np.empty(number, np.int64), np.empty((rows, number), np.int64)
    k = 0
    for b in range(bins):
        if is_filled[b]:
            places[k] = b
            for r in range(rows):
                columns[r, k] = counts[r, b]
            k += 1
    return places, columns

"""Arrays of counts as bytes: runs of cells that are filled, and how far it is from one to the next.

An array is the number of its runs and that of its values, each in eight bytes, then how many bytes a gap, a length and
a value take, each in one, then these numbers. `reliseg.stats.filled.sparse` reads the same in one pass.
"""

import struct
from collections.abc import Sequence

import numpy as np

from reliseg.types import Int64, UInt8

_HEAD = struct.Struct("<2q3B")
BRIDGED = 4
"""So many cells of 0 in a row, or fewer, stand in a run: ending it and beginning another takes a reader longer."""


def most_bytes(cells: int) -> int:
    """Return the size that no array of so many cells exceeds: two runs are apart by a cell at least."""
    return _HEAD.size + 8 + 16 * cells


def to_sparse(array: np.ndarray) -> bytes:
    """Return an int64 array, as `of_cells`."""
    flat = array.ravel()
    places = np.flatnonzero(flat != 0)  # NumPy looks at truth values three times as fast as at numbers
    return of_cells(places, flat[places])


def of_cells(places: Int64[np.ndarray, " n"], values: Int64[np.ndarray, " n"]) -> bytes:
    """Return the array that has these values at these places, which ascend, and 0 elsewhere.

    Of each kind of numbers all lowest bytes come first, then all second ones, ...: this compresses a third better than
    number after number.
    """
    starts = np.flatnonzero(np.diff(places, prepend=-BRIDGED - 2) > BRIDGED + 1)
    filled = np.diff(starts, append=len(places))
    first, end = places[starts], places[starts + filled - 1] + 1
    gaps, lengths = first.copy(), end - first
    gaps[1:] -= end[:-1]
    whole = np.zeros(int(lengths.sum()), np.int64)
    whole[places - np.repeat(first - np.cumsum(lengths) + lengths, filled)] = values
    kinds = (gaps, lengths, whole)
    widths = [_width(numbers) for numbers in kinds]
    planes = [_plane(numbers, k) for numbers, width in zip(kinds, widths, strict=True) for k in range(width)]
    return _HEAD.pack(len(gaps), len(whole), *widths) + b"".join(planes)


def _width(numbers: Int64[np.ndarray, " n"]) -> int:
    """Return how many bytes hold each of these numbers; all eight where one is negative."""
    low, high = int(numbers.min(initial=0)), int(numbers.max(initial=0))
    return 8 if low < 0 else max(1, -(-high.bit_length() // 8))


def _plane(numbers: Int64[np.ndarray, " n"], k: int) -> bytes:
    """Return one byte of each number; the lowest is number 0."""
    return (numbers >> 8 * k).astype(np.uint8).tobytes()


def entries(content: bytes, cells: Sequence[int]) -> list[tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]]:
    """Return the places and values that are not 0 in arrays of so many cells, which stand one after the other.

    A ValueError where they are none, or where something follows.
    """
    found, rest = [], np.frombuffer(content, np.uint8)
    for number in cells:
        places, values, size = _first(rest, number)
        filled = np.flatnonzero(values != 0)  # others only bridge what is between two of them
        found.append((places[filled], values[filled]))
        rest = rest[size:]
    if len(rest):
        raise ValueError("something follows the last array")
    return found


def _first(content: UInt8[np.ndarray, " b"], cells: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the cells of all runs of the array that stands first, their values, and how many bytes it takes."""
    if len(content) < _HEAD.size:
        raise ValueError("an array is cut off")
    runs, count, *widths = _HEAD.unpack(content[: _HEAD.size].tobytes())
    if not all(1 <= width <= 8 for width in widths) or min(runs, count) < 0:
        raise ValueError("no widths of numbers, or no number of them")
    kinds, end = [], _HEAD.size
    for number, width in zip((runs, runs, count), widths, strict=True):
        size = number * width
        if size > len(content) - end:
            raise ValueError("an array is cut off")
        kinds.append(_join_bytes(content[end : end + size].reshape(width, number)))
        end += size
    gaps, lengths, values = kinds
    if (gaps < 0).any() or (gaps[1:] == 0).any() or (lengths <= 0).any() or max(gaps.max(initial=0), len(gaps)) > cells:
        raise ValueError("runs are not in order")
    if (lengths > cells).any() or lengths.sum() != count:
        raise ValueError("runs have other lengths")
    ends = np.cumsum(gaps + lengths)
    if len(ends) and ends[-1] > cells:
        raise ValueError("a place that is not there")
    return np.repeat(ends - np.cumsum(lengths), lengths) + np.arange(count), values, end


def _join_bytes(planes: UInt8[np.ndarray, "w n"]) -> Int64[np.ndarray, " n"]:
    """Return numbers from their bytes, the lowest first."""
    numbers = np.zeros(planes.shape[1], np.int64)
    for k, plane in enumerate(planes):
        numbers |= plane.astype(np.int64) << (8 * k)
    return numbers

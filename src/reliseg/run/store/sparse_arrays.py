"""Arrays of counts as bytes: their nonzero places and values."""

import numpy as np

from reliseg.types import Int64


def to_sparse(array: np.ndarray) -> bytes:
    """Return the nonzero places (as steps) and values of an int64 array, as `of_cells`."""
    flat = array.ravel()
    places = np.flatnonzero(flat != 0)  # NumPy looks at truth values three times as fast as at numbers
    return of_cells(places, flat[places])


def of_cells(places: Int64[np.ndarray, " n"], values: Int64[np.ndarray, " n"]) -> bytes:
    """Return the places (as steps) and values of what is not 0 in an array, after the bytes that each kind needs.

    All lowest bytes come first, then all second ones, ...: this compresses a third better than number after number.
    Where one long step would take bytes of all, it is several, on which the value is 0.
    """
    steps = places.copy()
    steps[1:] -= places[:-1]
    kinds = _parted(steps, values)
    widths = [_width(numbers) for numbers in kinds]
    planes = [n.astype("<i8").view(np.uint8).reshape(-1, 8)[:, :w].T for n, w in zip(kinds, widths, strict=True)]
    return bytes(widths) + b"".join(plane.tobytes() for plane in planes)


def _parted(
    steps: Int64[np.ndarray, " n"], values: Int64[np.ndarray, " n"]
) -> tuple[Int64[np.ndarray, " m"], Int64[np.ndarray, " m"]]:
    """Return steps and values with the long steps parted, where that takes fewer bytes."""
    widest, of_value = _width(steps), _width(values)
    parts = {width: np.maximum(steps - 1, 0) // _longest(width) for width in range(1, widest)}
    sizes = {width: (len(steps) + int(more.sum())) * (width + of_value) for width, more in parts.items()}
    best = min(sizes, key=sizes.__getitem__, default=widest)
    if best == widest or sizes[best] >= len(steps) * (widest + of_value):
        return steps, values
    more = parts[best]
    ends = np.arange(len(steps)) + np.cumsum(more)
    count = len(steps) + int(more.sum())
    parted, found = np.full(count, _longest(best), np.int64), np.zeros(count, np.int64)
    parted[ends], found[ends] = steps - more * _longest(best), values
    return parted, found


def _longest(width: int) -> int:
    """Return the longest step of so many bytes."""
    return (1 << 8 * width) - 1


def _width(numbers: np.ndarray) -> int:
    """Return how many bytes hold each of these int64; all eight where one is negative."""
    low, high = int(numbers.min(initial=0)), int(numbers.max(initial=0))
    return 8 if low < 0 else max(1, -(-high.bit_length() // 8))


def entries(content: bytes, cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the nonzero places and values of a sparse array of so many cells; a ValueError where there is none."""
    planes, steps = planes_of(content)
    numbers = _join_bytes(planes[:steps])
    if (numbers[1:] <= 0).any() or (numbers[:1] < 0).any() or (numbers >= cells).any():
        raise ValueError("places are not in order")
    places = np.cumsum(numbers)
    if len(places) and places[-1] >= cells:
        raise ValueError("a place that is not there")
    values = _join_bytes(planes[steps:])
    filled = np.flatnonzero(values != 0)  # what only parts a long step is none
    return places[filled], values[filled]


def planes_of(content: bytes) -> tuple[np.ndarray, int]:
    """Return the bytes of a sparse array by their rank, and how many of them are of steps."""
    steps, values = content[0], content[1]
    if not (1 <= steps <= 8 and 1 <= values <= 8):
        raise ValueError("no widths of numbers")
    return np.frombuffer(content, np.uint8, offset=2).reshape(steps + values, -1), steps


def _join_bytes(planes: np.ndarray) -> np.ndarray:
    """Return numbers from their bytes, the lowest first."""
    numbers = np.zeros(planes.shape[1], np.int64)
    for k, plane in enumerate(planes):
        numbers |= plane.astype(np.int64) << (8 * k)
    return numbers

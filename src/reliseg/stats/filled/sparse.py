"""Sparse arrays of stored statistics: read and added up in one pass."""

from dataclasses import dataclass

import numpy as np

from reliseg.runtime.numba_compile import exact_njit, inline_exact_njit
from reliseg.stats.bins import COARSE_BINS, ROLES
from reliseg.types import Bool, Float64, Int, Int32, Int64, UInt8, UInt32

Bytes = UInt8[np.ndarray, " n"]
Number = int | np.int64
Cells = Int[np.ndarray, " c"]

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
def _add_values(content: Bytes, at: Number, apart: Number, width: Number, into: Cells) -> None:
    """Add numbers that stand one after the other, plane by plane: two bytes of each at once, as most have two.

    What is sliced needs no look at negative places, so that several numbers are added at once.
    """
    count = len(into)
    lowest = content[at : at + count]
    if width == 1:
        for i in range(count):
            into[i] += lowest[i]
        return
    high = content[at + apart : at + apart + count]
    for i in range(count):
        into[i] += np.int64(lowest[i]) | (np.int64(high[i]) << np.int64(8))
    for k in range(2, width):
        plane = content[at + k * apart : at + k * apart + count]
        for i in range(count):
            into[i] += np.int64(plane[i]) << np.int64(8 * k)


@inline_exact_njit
def _any_below_zero(content: Bytes, at: Number, count: Number, width: Number) -> bool:
    """Tell if so many numbers, which stand from a place on, have a negative one: only all eight bytes hold it."""
    return bool(width == 8 and count > 0 and content[at + 7 * count : at + 8 * count].max() >= 128)


@inline_exact_njit
def _extent(content: Bytes, at: Number) -> tuple[Number, Number, Number, Number]:
    """Return how many runs and values the array has that begins at a place, where its values begin and where it ends.

    The end is -1 where there is no array.
    """
    if at < 0 or at + _HEAD > len(content):
        return 0, 0, 0, -1
    runs, count = _joined(content, at, 1, 8), _joined(content, at + 8, 1, 8)
    of_gap, of_length, of_value = np.int64(content[at + 16]), np.int64(content[at + 17]), np.int64(content[at + 18])
    if min(of_gap, of_length, of_value) < 1 or max(of_gap, of_length, of_value) > 8:
        return 0, 0, 0, -1
    if not (0 <= runs <= len(content) and 0 <= count <= len(content)):
        return 0, 0, 0, -1
    values = at + _HEAD + runs * (of_gap + of_length)
    end = values + count * of_value
    return runs, count, values, end if end <= len(content) else -1


@inline_exact_njit
def _next_run(
    content: Bytes, at: Number, i: Number, runs: Number, place: Number, room: Number, cells: Number
) -> tuple[Number, Number]:
    """Return where run `i` of an array begins, after a place, and its length; -1 where there is none.

    So many values and cells are there; `room` of the values are in no run before.
    """
    of_gap, of_length = np.int64(content[at + 16]), np.int64(content[at + 17])
    gap = _joined(content, at + _HEAD + i, runs, of_gap)
    if gap < 0 or gap >= cells - place or (i > 0 and gap == 0):
        return -1, 0
    length = _joined(content, at + _HEAD + runs * of_gap + i, runs, of_length)
    if length < 1 or length > cells - place - gap or length > room:
        return -1, 0
    return place + gap, length


@inline_exact_njit
def _add_array(content: Bytes, at: Number, into: Cells) -> tuple[Number, bool]:
    """Add the array that begins at a place; return where it ends, or -1 where there is none, and if any is negative."""
    runs, count, values, end = _extent(content, at)
    if end < 0:
        return -1, False
    of_value = np.int64(content[at + 18])
    cells = len(into)
    place: Number = np.int64(0)
    done: Number = np.int64(0)
    for i in range(runs):
        start, length = _next_run(content, at, i, runs, place, count - done, cells)
        if start < 0:
            return -1, False
        _add_values(content, values + done, count, of_value, into[start : start + length])
        place, done = start + length, done + length
    if done != count:
        return -1, False
    return end, _any_below_zero(content, values, count, of_value)


@exact_njit
def add_arrays(content: Bytes, cells: Int64[np.ndarray, " k"], into: Cells) -> tuple[bool, bool]:
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
def end_of_arrays(content: Bytes, at: Number, number: Number) -> Number:
    """Return where so many arrays end that stand from a place on; -1 where they are none. Their cells are not read."""
    for _ in range(number):
        at = _extent(content, at)[-1]
    return at


@exact_njit
def _runs_and_values(
    content: Bytes, cells: Number
) -> tuple[bool, Int64[np.ndarray, " r"], Int64[np.ndarray, " r"], UInt32[np.ndarray, " v"]]:
    """Return where the runs of an array of so many cells begin, where their values do, and all values.

    First whether it is such an array, and nothing else, and no value needs more than four bytes.
    """
    runs, count, values, end = _extent(content, 0)
    width = np.int64(content[18]) if end >= 0 else 8
    if end != len(content) or width > 4:
        return False, np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint32)
    places, starts, found = np.empty(runs, np.int64), np.zeros(runs + 1, np.int64), np.zeros(count, np.uint32)
    place: Number = np.int64(0)
    for i in range(runs):
        start, length = _next_run(content, 0, i, runs, place, count - starts[i], cells)
        if start < 0:
            return False, places, starts, found
        places[i], starts[i + 1], place = start, starts[i] + length, start + length
    for k in range(width):
        plane = content[values + k * count : values + (k + 1) * count]  # sliced, as in `_add_values`
        for i in range(count):
            found[i] |= np.uint32(plane[i]) << np.uint32(8 * k)
    return starts[runs] == count, places, starts, found


@exact_njit
def _filled_of_score(
    places: Int64[np.ndarray, " r"],
    starts: Int64[np.ndarray, " r+1"],
    values: UInt32[np.ndarray, " v"],
    shape: tuple[int, int],
    number: int,
    roles: int,
) -> tuple[Int64[np.ndarray, " f"], UInt32[np.ndarray, "n r f"]]:
    """Return what `CoarseRows.filled` does; the shape is images and scores."""
    images, scores = shape
    bits = np.zeros(COARSE_BINS, np.uint32)
    every, at, f = np.empty(COARSE_BINS, np.int64), np.empty(COARSE_BINS, np.int64), 0
    columns = np.zeros((0, 0, 0), np.uint32)
    for is_second in (False, True):  # first which bins hold pixels, then these
        if is_second:
            for b in range(COARSE_BINS):
                every[f], at[b] = b, f
                f += bits[b] != 0
            columns = np.zeros((images, roles, f), np.uint32)
        for i in range(len(places)):
            place, k = places[i], starts[i]
            while k < starts[i + 1]:  # a run goes on in the next role, score or image
                row, first = place // COARSE_BINS, place % COARSE_BINS
                size = min(starts[i + 1] - k, COARSE_BINS - first)
                role, score = row % ROLES, row // ROLES % scores
                if score == number and role < roles and is_second:
                    into = columns[row // (ROLES * scores), role]
                    for j in range(size):
                        if values[k + j] != 0:
                            into[at[first + j]] = values[k + j]
                elif score == number and role < roles:
                    for j in range(size):
                        bits[first + j] |= values[k + j]
                place, k = place + size, k + size
    return every[:f].copy(), columns


@dataclass(frozen=True, eq=False)
class CoarseRows:
    """The coarse bins of all scores in the images of a piece, without most of those that are empty."""

    shape: tuple[int, int]
    """Images and scores."""
    runs: tuple[Int64[np.ndarray, " r"], Int64[np.ndarray, " r+1"], UInt32[np.ndarray, " v"]]
    """Where runs begin in the whole table, where their values do, and all values."""

    @classmethod
    def of(cls, content: Bytes, images: int, scores: int) -> "CoarseRows":
        """Return what a sparse array holds; a ValueError where it is none of this shape, or no pixels of images."""
        is_whole, *runs = _runs_and_values(content, images * scores * ROLES * COARSE_BINS)
        if not is_whole:
            raise ValueError("places are not in order, or are others")
        return cls((images, scores), (runs[0], runs[1], runs[2]))

    def filled(self, number: int, roles: int) -> tuple[Int64[np.ndarray, " f"], UInt32[np.ndarray, "n r f"]]:
        """Return which bins hold pixels of the first so many roles under a score, by its number, and how many."""
        found: tuple[np.ndarray, np.ndarray] = _filled_of_score(*self.runs, self.shape, number, roles)
        return found


@exact_njit
def add_rows(
    counts: UInt32[np.ndarray, "m r f"],
    group: Int64[np.ndarray, " m"],
    places: Int64[np.ndarray, " f"],
    into: Float64[np.ndarray, "g r b"] | UInt32[np.ndarray, "g r b"],
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


@inline_exact_njit
def _sum_of_rows(counts: Int[np.ndarray, "r b"], are_wanted: Bool[np.ndarray, " r"]) -> Int64[np.ndarray, " b"]:
    sums = np.zeros(counts.shape[1], np.int64)
    for r in range(len(counts)):
        if are_wanted[r]:
            row = counts[r]  # sliced, as in `_add_values`
            for b in range(len(row)):
                sums[b] += row[b]
    return sums


@exact_njit
def filled_pair(
    places: Int[np.ndarray, " b"], counts: Int[np.ndarray, "r b"], kinds: Bool[np.ndarray, "2 r"]
) -> tuple[Int64[np.ndarray, " f"], Int64[np.ndarray, " f"], Int64[np.ndarray, " f"]]:
    """Return the places of the bins that hold pixels of either kind of roles, and how many there are of each."""
    first, second = _sum_of_rows(counts, kinds[0]), _sum_of_rows(counts, kinds[1])
    at, number = np.empty(len(places), np.int64), 0
    for b in range(len(places)):
        of_first, of_second = first[b], second[b]
        at[number], first[number], second[number] = places[b], of_first, of_second
        number += (of_first | of_second) != 0
    return at[:number], first[:number], second[:number]

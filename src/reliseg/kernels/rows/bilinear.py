"""Bilinear interpolation of lines, once or twice in a row, in an order that compiled code does without gathering.

An axis is a table of *taps*: for each place of the output the native places that it is a sum of, and their weights.
`Segments` divide the output columns into stretches of 32 places whose taps lie in 32 consecutive native columns: the
first pixels of 32 neighbouring native cells, their second ones, and so on. Where too few of the 32 cells have such a
pixel, its taps are gathered instead. numba is imported with this module: import it where it is used.
"""

from typing import NamedTuple

import numpy as np

from reliseg.runtime.arithmetic import F32, U64
from reliseg.runtime.numba_compile import inline_njit
from reliseg.types import Bool, Float32, Float64, Int32, Int64

WIDTH = 32
"""Places of a segment: two or more vectors."""
REACH = 3
"""Taps of a place in a dense segment: two interpolations in a row that enlarge have three."""
MARGIN = WIDTH + REACH
"""Numbers after the end of a line that a dense segment may read; they have weight 0, and must be finite."""
_LEAST_FILL = 10
"""A segment with fewer places that hold a pixel is gathered, which takes about three times as long."""


class Taps(NamedTuple):
    """For each place of the output the native places that it is a sum of, ascending, and their weights."""

    source: Int64[np.ndarray, "t o"]
    weight: Float64[np.ndarray, "t o"]


class RowTaps(NamedTuple):
    """Taps of the rows of an image, for compiled code."""

    source: Int32[np.ndarray, "t o"]
    weight: Float32[np.ndarray, "t o"]


class Segments(NamedTuple):
    """The columns of an image, for compiled code: `len(first)` dense segments, then gathered ones.

    `first` is the native column that a dense segment starts at, `dense` the weights of the columns from there,
    `gathered` and `cell` the weights and native columns of the other places, and `place` where each column of the image
    is found. There are `slots` places, of which some hold nothing. From the column `lead` on, `fours` times 128 columns
    are four segments each, whose places take turns: so it is where masks have a stride of four.
    """

    first: Int32[np.ndarray, " s"]
    dense: Float32[np.ndarray, "3 d"]
    gathered: Float32[np.ndarray, "t g"]
    cell: Int32[np.ndarray, "t g"]
    place: Int32[np.ndarray, " o"]
    slots: int
    lead: int
    fours: int


class Axes(NamedTuple):
    """Both directions of an interpolation, for compiled code."""

    rows: RowTaps
    columns: Segments

    @classmethod
    def of(cls, rows: Taps, columns: Taps, multiple: int = 1) -> "Axes":
        """Return both directions; there are a multiple of so many segments."""
        return cls(RowTaps(rows.source.astype(np.int32), rows.weight.astype(np.float32)), segments(columns, multiple))

    def at(self, rows: slice) -> "Axes":
        """Return what some rows of the output need."""
        return Axes(RowTaps(*(np.ascontiguousarray(part[:, rows]) for part in self.rows)), self.columns)


def taps(native: int, size: int, extent: float | None = None) -> Taps:
    """Return the taps of one interpolation with half-pixel centres, of the first `extent` native places or of all."""
    x = np.clip((np.arange(size) + 0.5) * ((native if extent is None else extent) / size) - 0.5, 0, native - 1)
    lower = np.minimum(np.floor(x).astype(np.int64), max(native - 2, 0))
    weight = x - lower
    return _merged(np.stack([lower, np.minimum(lower + 1, native - 1)]), np.stack([1 - weight, weight]))


def chained(first: Taps, second: Taps) -> Taps:
    """Return the taps of two interpolations, one after the other."""
    index, weight = first.source[:, second.source], first.weight[:, second.source] * second.weight
    return _merged(index.reshape(-1, index.shape[-1]), weight.reshape(-1, weight.shape[-1]))


def _merged(index: Int64[np.ndarray, "t o"], weight: Float64[np.ndarray, "t o"]) -> Taps:
    """Join taps of one native place, leave out those of weight 0, and sort the others; as few rows as are needed."""
    order = np.argsort(index, axis=0, kind="stable")
    index, weight = np.take_along_axis(index, order, 0), np.take_along_axis(weight, order, 0)
    for t in range(len(index) - 1, 0, -1):
        same = index[t] == index[t - 1]
        weight[t - 1] += np.where(same, weight[t], 0)
        weight[t] = np.where(same, 0, weight[t])
    order = np.argsort(weight == 0, axis=0, kind="stable")
    index, weight = np.take_along_axis(index, order, 0), np.take_along_axis(weight, order, 0)
    count = int((weight != 0).sum(axis=0).max())
    index, weight = index[:count], weight[:count]
    return Taps(np.where(weight == 0, index[0], index), weight)


def segments(axis: Taps, multiple: int = 1) -> Segments:
    """Divide the output places of an axis into segments, a multiple of so many."""
    base, size = axis.source[0], axis.source.shape[1]
    shift = axis.source - base
    near = (shift < REACH).all(axis=0)
    number = _number_in_cell(base, axis.weight[0] == 1)
    key = (base // WIDTH) * (int(number.max()) + 1) + number
    fill = np.bincount(key[near], minlength=int(key.max()) + 1)
    filled = np.flatnonzero(fill >= _LEAST_FILL)
    dense = near & (fill[key] >= _LEAST_FILL)
    place = np.empty(size, np.int64)
    place[dense] = np.searchsorted(filled, key[dense]) * WIDTH + base[dense] % WIDTH
    start = len(filled) * WIDTH
    spare = np.flatnonzero(~dense)
    place[spare] = start + np.arange(len(spare))
    slots = -(-(start + len(spare)) // (multiple * WIDTH)) * (multiple * WIDTH)
    weight = np.zeros((REACH, start), np.float32)
    for t in range(len(shift)):
        weight[np.minimum(shift[t], REACH - 1)[dense], place[dense]] += axis.weight[t][dense]
    gathered, cell = (np.zeros((len(shift), slots - start), kind) for kind in (np.float32, np.int32))
    gathered[:, : len(spare)], cell[:, : len(spare)] = axis.weight[:, spare], axis.source[:, spare]
    first = filled // (int(number.max()) + 1) * WIDTH
    lead = int((place == 0).argmax())
    return Segments(
        first.astype(np.int32), weight, gathered, cell, place.astype(np.int32), slots, lead, _fours(place[lead:])
    )


def _number_in_cell(base: Int64[np.ndarray, " o"], alone: Bool[np.ndarray, " o"]) -> Int64[np.ndarray, " o"]:
    """Number the places of each cell from 0, those in the margin before the first native place last; cells ascend."""
    number = np.arange(len(base)) - np.searchsorted(base, base)
    first = base == base[0]
    number[first] = (number[first] - int((first & alone).sum())) % int(first.sum())
    return number


def _fours(place: Int64[np.ndarray, " o"]) -> int:
    """Return how many times, from the first on, the places of four segments take turns."""
    step = 4 * WIDTH
    turns = np.arange(step).reshape(4, WIDTH).T.ravel()
    groups = len(place) // step
    wanted = np.arange(groups)[:, None] * step + turns
    return int(np.append((place[: groups * step].reshape(-1, step) == wanted).all(axis=1), False).argmin())


@inline_njit
def combine(
    planes: Float32[np.ndarray, "c h w"], c: int, rows: RowTaps, y: int, line: Float32[np.ndarray, " l"]
) -> None:
    """Write the row `y` of the output at the native columns of a plane."""
    width = U64(planes.shape[2])
    row, weight = planes[c, rows.source[0, y]], rows.weight[0, y]
    for x in range(width):
        line[x] = row[x] * weight
    for t in range(1, rows.source.shape[0]):
        row, weight = planes[c, rows.source[t, y]], rows.weight[t, y]
        for x in range(width):
            line[x] += row[x] * weight


@inline_njit
def combine_kept(kept: Float32[np.ndarray, "2 l"], rows: RowTaps, y: int, line: Float32[np.ndarray, " l"]) -> None:
    """Write the row `y` of the output, of native rows that are kept by whether their number is even."""
    width = U64(len(line))
    row, weight = kept[rows.source[0, y] % 2], rows.weight[0, y]
    for x in range(width):
        line[x] = row[x] * weight
    for t in range(1, rows.source.shape[0]):
        row, weight = kept[rows.source[t, y] % 2], rows.weight[t, y]
        for x in range(width):
            line[x] += row[x] * weight


@inline_njit
def expand(
    line: Float32[np.ndarray, " l"], columns: Segments, begin: int, end: int, out: Float32[np.ndarray, " o"], start: U64
) -> None:
    """Interpolate a line into the segments from `begin` to `end`, which go to `out` from `start` on."""
    dense = len(columns.first)
    for i in range(begin, end):
        o = start + U64((i - begin) * WIDTH)
        if i < dense:
            first, w = U64(columns.first[i]), U64(i * WIDTH)
            for x in range(U64(WIDTH)):
                out[o + x] = (
                    line[first + x] * columns.dense[0, w + x]
                    + line[first + x + U64(1)] * columns.dense[1, w + x]
                    + line[first + x + U64(2)] * columns.dense[2, w + x]
                )
        else:
            w = U64((i - dense) * WIDTH)
            for x in range(U64(WIDTH)):
                out[o + x] = F32(0)
            for t in range(columns.cell.shape[0]):
                for x in range(U64(WIDTH)):
                    out[o + x] += line[U64(columns.cell[t, w + x])] * columns.gathered[t, w + x]

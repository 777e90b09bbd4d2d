"""The blocks of a row, or of a few short ones together: the order in which the fused kernel visits pixels."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from reliseg.stats.view import source_positions
from reliseg.types import Bool, Float32, Int32, Int64

CELLS = 64
"""Native columns of a dense block."""
PHASES = 4
"""Pixels of each cell that a dense block holds."""
PIXELS = CELLS * PHASES
"""Pixels of a block."""
_LONGEST_LINE = 512
"""Native columns of rows that are walked together."""
NOTHING = 253
"""The label of the places of a block that hold no pixel (data sets have at most 253 classes)."""


class RowTaps(NamedTuple):
    """For each row of the image the two native rows and the weight of the second."""

    upper: Int64[np.ndarray, " o"]
    lower: Int64[np.ndarray, " o"]
    weight: Float32[np.ndarray, " o"]


class RowBlocks(NamedTuple):
    """The blocks of a line: `quads` dense ones for each of `stretches` of 64 cells, then `spare` gathered ones.

    A line is a row of the image, or several short `rows` one behind the other, of which each has `step` native columns.
    `weight` (of the next native column) and `pixel` (its place in the line; the line's length stands for nothing)
    have 256 entries a block, `cell` 256 for each gathered block; in a `run` the cells are consecutive.
    """

    rows: int
    step: int
    stretches: int
    quads: int
    spare: int
    weight: Float32[np.ndarray, " n"]
    pixel: Int32[np.ndarray, " n"]
    cell: Int32[np.ndarray, " m"]
    run: Bool[np.ndarray, " s"]


@lru_cache(maxsize=64)
def row_taps(native: int, size: int, align_corners: bool) -> RowTaps:
    """Return the vertical half of bilinear interpolation."""
    upper, weight = source_positions(native, size, align_corners)
    return RowTaps(upper, np.minimum(upper + 1, native - 1), weight.astype(np.float32))


@lru_cache(maxsize=64)
def divide_row(native: int, size: int, align_corners: bool) -> RowBlocks:
    """Return the horizontal half of bilinear interpolation, in blocks.

    A cell is the stretch between two native columns. The last one runs from the last column round to the
    first (lines carry a copy of their first value at the end) and takes both margins of the row, where the
    value is that of the outermost column: so for an integer ratio all cells have as many pixels.
    Pixels of a cell are numbered; the first four form a quad, and so on. Quads that fill more than
    half of their blocks become dense blocks, all first pixels of 64 cells, then all second ones, ...; the
    pixels of the other quads are gathered at the line's end, in the order of their numbers and cells: where
    no cell lacks its pixel (native logits of the image's size), even these are consecutive.
    Short rows would leave most of their blocks empty: as many share a line as leave least of it empty.
    """
    most = max(1, _LONGEST_LINE // (native + 1))
    return min((_divide(native, size, align_corners, rows) for rows in range(1, most + 1)), key=_work_of_a_row)


def _work_of_a_row(blocks: RowBlocks) -> float:
    """Return how many blocks a row of the image takes; those whose pixels are fetched one by one count half more."""
    fetched = blocks.spare - np.count_nonzero(blocks.run)
    return float((len(blocks.weight) / PIXELS + fetched / 2) / blocks.rows)


def _divide(native: int, size: int, align_corners: bool, rows: int) -> RowBlocks:
    """Return the blocks of so many rows."""
    cell, weight = source_positions(native, size, align_corners)
    left, right = (cell == 0) & (weight == 0), (cell == native - 2) & (weight == 1)
    weight = np.where(left, 1.0, np.where(right, 0.0, weight))
    cell = np.where(left | right, native - 1, cell)
    step = native + 1 if rows > 1 else native
    number = np.tile(_number_in_cell(cell, native), rows)
    cell = (cell + step * np.arange(rows)[:, None]).ravel()
    weight = np.tile(weight, rows)
    stretches = -(-rows * step // CELLS)
    filled = np.bincount(number // PHASES) / (stretches * PIXELS)
    quads = int((filled > 0.5).sum())
    dense: Bool[np.ndarray, " p"] = number < PHASES * quads
    spare = np.lexsort((cell, number))[np.count_nonzero(dense) :]
    place = np.empty(rows * size, np.int64)
    c, n = cell[dense], number[dense]
    place[dense] = (c // CELLS * quads + n // PHASES) * PIXELS + n % PHASES * CELLS + c % CELLS
    start = stretches * quads * PIXELS
    place[spare] = start + np.arange(len(spare))
    chunks = -(-len(spare) // PIXELS)
    weights = np.zeros(start + chunks * PIXELS, np.float32)
    pixel = np.full(len(weights), rows * size, np.int32)
    weights[place], pixel[place] = weight, np.arange(rows * size)
    cells = np.zeros(chunks * PIXELS, np.int32)
    cells[: len(spare)] = cell[spare]
    run = (np.diff(cells.reshape(chunks, PIXELS), axis=1) == 1).all(axis=1)
    return RowBlocks(rows, step, stretches, quads, chunks, weights, pixel, cells, run)


@lru_cache(maxsize=64)
def identity_taps(count: int) -> RowTaps:
    """Return taps for logits at full resolution: every row is a native one."""
    here = np.arange(count)
    return RowTaps(here, here, np.zeros(count, np.float32))


@lru_cache(maxsize=64)
def consecutive_blocks(width: int) -> RowBlocks:
    """Return blocks for logits at full resolution: consecutive pixels, each of them a native one.

    Weights are 0 everywhere: adding the next column at weight 1 would round.
    """
    rows = min(range(1, max(1, _LONGEST_LINE // width) + 1), key=lambda n: -(-n * width // PIXELS) / n)
    chunks = -(-rows * width // PIXELS)
    pixel, cell = np.full(chunks * PIXELS, rows * width, np.int32), np.zeros(chunks * PIXELS, np.int32)
    pixel[: rows * width] = cell[: rows * width] = np.arange(rows * width)
    run = np.arange(1, chunks + 1) * PIXELS <= rows * width
    return RowBlocks(rows, width, 0, 0, chunks, np.zeros(len(cell), np.float32), pixel, cell, run)


def _number_in_cell(cell: Int64[np.ndarray, " p"], cells: int) -> Int64[np.ndarray, " p"]:
    """Number the pixels of each cell from 0."""
    order = np.argsort(cell, kind="stable")
    count = np.bincount(cell, minlength=cells)
    number = np.empty(len(cell), np.int64)
    number[order] = np.arange(len(cell)) - np.repeat(np.cumsum(count) - count, count)
    return number

"""The walk of the fused kernel over one image: lines, blocks of a line, stages of a block; to be counted, or mapped."""

from typing import NamedTuple

import numpy as np

from reliseg.kernels.cpu.logits import (
    NEVER,
    ClassGroups,
    calibrate,
    gather,
    interpolate,
    interpolate_rows,
    join,
    label,
    scale_by_class,
    scale_by_pixel,
)
from reliseg.kernels.cpu.pixels import exponentials, measure_pixels
from reliseg.kernels.cpu.row_blocks import CELLS, NOTHING, PIXELS, RowBlocks, RowTaps
from reliseg.kernels.cpu.scores import Scores, add_scores, write_score
from reliseg.kernels.cpu.scratch_layout import ARG, BIN, FLOATS, INTEGERS, MAX, ROW, SCORE, TOP
from reliseg.kernels.cpu.tables import FineTables, ImageTables, add_block, carry_in_place
from reliseg.runtime.arithmetic import I32, U64
from reliseg.runtime.numba_compile import cached_njit, inline_njit
from reliseg.stats.bins import UNKNOWN, VOID
from reliseg.types import Float32, Int32, Int64, UInt8


class Row(NamedTuple):
    """A line: labels, and factors (1 where pixels have none); one place more stands for nothing."""

    labels: UInt8[np.ndarray, " w"]
    factors: Float32[np.ndarray, " w"]


class Work(NamedTuple):
    """Scratch space of one block: logits, then floats and integers of pixels."""

    z: Float32[np.ndarray, " z"]
    t: Float32[np.ndarray, " t"]
    k: Int32[np.ndarray, " k"]


@inline_njit
def _count_block(groups: ClassGroups, scores: Scores, work: Work, image: ImageTables, fine: FineTables) -> None:
    """Add all statistics of the block whose logits and labels are in the work space."""
    z, t, k = work.z, work.t, work.k
    rows = U64(len(groups.inverse_temperatures))
    exponentials(rows, scores.shapes, z, t)
    measure_pixels(I32(len(image.confident)), I32(rows), t, k)
    add_scores(scores, t, k, image.sums, fine.counts, image.coarse)
    add_block(z, t, k, groups.classes, image, fine)


@inline_njit
def _calibrate_block(
    base: U64,
    row: Row,
    blocks: RowBlocks,
    groups: ClassGroups,
    work: Work,
) -> None:
    """Turn logits of model classes into those of calibrated columns, and write the labels."""
    z, t = work.z, work.t
    if groups.joins:
        join(groups.starts, z, t)
    if groups.scales:
        scale_by_class(groups.inverse_temperatures, t)
        if groups.varies:
            scale_by_pixel(row.factors, blocks.pixel, base, t)
        calibrate(U64(len(groups.inverse_temperatures)), z, t)
    else:
        for x in range(U64(PIXELS)):
            t[TOP + x] = t[MAX + x]
    label(row.labels, blocks.pixel, base, groups.row_of, z, t, work.k)


@inline_njit
def _fill_line(
    logits: Float32[np.ndarray, "c h w"],
    order: Int64[np.ndarray, " m"],
    taps: RowTaps,
    y: int,
    rows: int,
    step: int,
    lines: Float32[np.ndarray, "m s"],
) -> None:
    """Interpolate rows of the image vertically, from y on, one behind the other."""
    for r in range(rows):
        interpolate_rows(logits, order, taps.upper[y + r], taps.lower[y + r], taps.weight[y + r], U64(r * step), lines)


@inline_njit
def _fill_block(
    i: int, lines: Float32[np.ndarray, "m s"], row: Row, blocks: RowBlocks, groups: ClassGroups, work: Work
) -> None:
    """Write the calibrated logits and the labels of a block of the line: dense blocks first, then gathered ones."""
    dense = U64(blocks.stretches * blocks.quads)
    base = i * U64(PIXELS)
    if i < dense:
        interpolate(lines, i // U64(blocks.quads) * U64(CELLS), blocks.weight, base, work.z, work.t)
    else:
        start = (i - dense) * U64(PIXELS)
        gather(lines, blocks.cell, start, blocks.run[i - dense], blocks.weight, base, work.z, work.t)
    _calibrate_block(base, row, blocks, groups, work)


@inline_njit
def _walk_line(
    lines: Float32[np.ndarray, "m s"],
    row: Row,
    blocks: RowBlocks,
    groups: ClassGroups,
    scores: Scores,
    work: Work,
    image: ImageTables,
    fine: FineTables,
) -> None:
    """Add one line, block by block."""
    for i in range(U64(blocks.stretches * blocks.quads) + U64(blocks.spare)):
        _fill_block(i, lines, row, blocks, groups, work)
        _count_block(groups, scores, work, image, fine)


class Maps(NamedTuple):
    """What an image is mapped to, pixel by pixel: the column of each, and its scores with their fine bins."""

    columns: UInt8[np.ndarray, " p"]
    scores: Float32[np.ndarray, "s p"]
    bins: Int32[np.ndarray, "s p"]


@inline_njit
def _map_block(
    base: U64,
    first: U64,
    pixels: int,
    blocks: RowBlocks,
    live: Int64[np.ndarray, " r"],
    scores: Scores,
    work: Work,
    maps: Maps,
) -> None:
    """Write the maps of the block whose logits are in the work space, as they are counted, in the image's order.

    Its line has so many `pixels`, the `first` of them at that place of the maps.
    """
    z, t, k = work.z, work.t, work.k
    exponentials(U64(len(live)), scores.shapes, z, t)
    measure_pixels(I32(0), I32(len(live)), t, k)
    for x in range(U64(PIXELS)):
        place = blocks.pixel[base + x]
        if place < pixels:
            maps.columns[first + U64(place)] = np.uint8(live[U64(t[ARG + x])])
    for i in range(len(scores.kinds)):
        write_score(scores.kinds[i], t, k)
        for x in range(U64(PIXELS)):
            place = blocks.pixel[base + x]
            if place < pixels:
                maps.scores[i, first + U64(place)] = t[SCORE + x]
                maps.bins[i, first + U64(place)] = k[BIN + x]


@inline_njit
def _work_space(
    native: int, width: int, blocks: RowBlocks, groups: ClassGroups
) -> tuple[Float32[np.ndarray, "m s"], Work, Row]:
    """Return the lines that pixels are interpolated from, the space of a block, and a line without labels."""
    members = len(groups.order) + len(groups.order) % 2
    longest = max(blocks.stretches * CELLS, (blocks.rows - 1) * blocks.step + native)
    lines = np.zeros((members, longest + 16), np.float32)
    lines[len(groups.order) :] = NEVER
    work = Work(np.zeros(members * ROW, np.float32), np.zeros(FLOATS, np.float32), np.zeros(INTEGERS, np.int32))
    pixels = blocks.rows * width
    return lines, work, Row(np.full(pixels + 1, np.uint8(NOTHING)), np.ones(pixels + 1, np.float32))


@cached_njit
def observe_image(
    logits: Float32[np.ndarray, "c h w"],
    truth: UInt8[np.ndarray, "H W"],
    taps: RowTaps,
    blocks: RowBlocks,
    groups: ClassGroups,
    factors: Float32[np.ndarray, "H W"],
    scores: Scores,
    image: ImageTables,
    fine: FineTables,
) -> None:
    """Add one image to tables."""
    height, width = truth.shape
    lines, work, row = _work_space(logits.shape[2], width, blocks, groups)
    for y in range(0, height, blocks.rows):
        rows = min(blocks.rows, height - y)
        _fill_line(logits, groups.order, taps, y, rows, blocks.step, lines)
        for r in range(rows):
            row.labels[r * width : (r + 1) * width] = truth[y + r]
            if groups.varies:
                row.factors[r * width : (r + 1) * width] = factors[y + r]
        row.labels[rows * width :] = np.uint8(NOTHING)
        _walk_line(lines, row, blocks, groups, scores, work, image, fine)
        carry_in_place(image.sums)


@cached_njit
def map_image(
    logits: Float32[np.ndarray, "c h w"],
    taps: RowTaps,
    blocks: RowBlocks,
    groups: ClassGroups,
    live: Int64[np.ndarray, " r"],
    factors: Float32[np.ndarray, "H W"],
    scores: Scores,
    width: int,
    maps: Maps,
) -> None:
    """Map one image, or some rows of it; `live` is the column of each row of the buffer."""
    height = len(taps.upper)
    lines, work, row = _work_space(logits.shape[2], width, blocks, groups)
    for y in range(0, height, blocks.rows):
        rows = min(blocks.rows, height - y)
        _fill_line(logits, groups.order, taps, y, rows, blocks.step, lines)
        if groups.varies:
            for r in range(rows):
                row.factors[r * width : (r + 1) * width] = factors[y + r]
        for i in range(U64(blocks.stretches * blocks.quads) + U64(blocks.spare)):
            _fill_block(i, lines, row, blocks, groups, work)
            _map_block(i * U64(PIXELS), U64(y * width), rows * width, blocks, live, scores, work, maps)


@cached_njit
def count_roles(truth: UInt8[np.ndarray, "H W"], classes: int) -> tuple[int, int, int]:
    """Count the unknown pixels of an image, its void ones, and ids that are no label."""
    unknown, void, stray = 0, 0, 0
    for y in range(truth.shape[0]):
        for x in range(truth.shape[1]):
            label = truth[y, x]
            unknown += label == UNKNOWN
            void += label == VOID
            stray += (label >= classes) & (label < UNKNOWN)
    return unknown, void, stray

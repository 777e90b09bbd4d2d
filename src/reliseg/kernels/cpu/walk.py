"""The walk of the fused kernel over one image: rows, blocks of a row, stages of a block."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32, UInt8

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
from reliseg.kernels.cpu.scores import Scores, add_scores
from reliseg.kernels.cpu.scratch_layout import FLOATS, INTEGERS, MAX, ROW, TOP
from reliseg.kernels.cpu.tables import FineTables, ImageTables, add_block, carry_in_place
from reliseg.runtime.arithmetic import I32, U64
from reliseg.runtime.numba_compile import cached_njit, inline_njit
from reliseg.stats.bins import UNKNOWN, VOID


class Row(NamedTuple):
    """A row of the image: labels, and factors (1 where pixels have none); one place more stands for nothing."""

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
    add_block(z, t, k, image, fine)


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
def _walk_row(
    lines: Float32[np.ndarray, "m s"],
    row: Row,
    blocks: RowBlocks,
    groups: ClassGroups,
    scores: Scores,
    work: Work,
    image: ImageTables,
    fine: FineTables,
) -> None:
    """Add one row: all dense blocks, then the gathered ones."""
    dense = U64(blocks.stretches * blocks.quads)
    for i in range(dense + U64(blocks.spare)):
        base = i * U64(PIXELS)
        if i < dense:
            interpolate(lines, i // U64(blocks.quads) * U64(CELLS), blocks.weight, base, work.z, work.t)
        else:
            start = (i - dense) * U64(PIXELS)
            gather(lines, blocks.cell, start, blocks.run[i - dense], blocks.weight, base, work.z, work.t)
        _calibrate_block(base, row, blocks, groups, work)
        _count_block(groups, scores, work, image, fine)


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
    members = len(groups.order) + len(groups.order) % 2
    lines = np.zeros((members, max(blocks.stretches * CELLS, logits.shape[2]) + 16), np.float32)
    lines[len(groups.order) :] = NEVER
    work = Work(np.zeros(members * ROW, np.float32), np.zeros(FLOATS, np.float32), np.zeros(INTEGERS, np.int32))
    width = truth.shape[1]
    row = Row(np.full(width + 1, np.uint8(NOTHING)), np.ones(width + 1, np.float32))
    for y in range(truth.shape[0]):
        interpolate_rows(logits, groups.order, taps.upper[y], taps.lower[y], taps.weight[y], lines)
        row.labels[:width] = truth[y]
        if groups.varies:
            row.factors[:width] = factors[y]
        _walk_row(lines, row, blocks, groups, scores, work, image, fine)
        carry_in_place(image.sums)


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

"""The fused kernel on logits that a transform changes: blocks of rows at full resolution."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from reliseg.kernels.cpu.kernel import Kernel
from reliseg.kernels.cpu.upsample import Upsampled, argmax
from reliseg.runtime.arithmetic import U64
from reliseg.runtime.numba_compile import cached_njit
from reliseg.stats.bins import UNKNOWN
from reliseg.stats.fixed import CALIBRATED_LIMIT
from reliseg.stats.samples import SampleTable
from reliseg.stats.view import CompiledTransform, LogitView, Transform
from reliseg.types import Block, Bool, Int32, Int64, LiveBlock, Truth

Top: TypeAlias = Int32[np.ndarray, " p"]
Flipped: TypeAlias = Bool[np.ndarray, " p"]
Live: TypeAlias = Int64[np.ndarray, " l"]

_PIXELS = 1 << 14
"""Pixels of a block: its logits stay in the second cache."""


def rows_per_block(width: int) -> int:
    """Return the number of rows of a block in an image of this width."""
    return max(1, _PIXELS // width)


def observe(
    kernel: Kernel, view: LogitView, truth: Truth, sample: str, columns: int, band: slice = slice(None)
) -> SampleTable:
    """Count an image whose view has a transform, or a band of it that starts where a block does; return its row.

    Nothing of the image's full size is built.
    """
    flips = 0

    def blocks() -> Iterator[tuple[slice, LiveBlock]]:
        nonlocal flips
        for rows, z, flipped in transformed_blocks(view, columns, band):
            if flipped is not None:
                flips += int((flipped & (truth[rows].ravel() < UNKNOWN)).sum())
            yield rows, z

    row = kernel.observe_blocks(view, truth, sample, band, blocks())
    return replace(row, flips=np.array([[flips]], np.int64))


def transformed_blocks(
    view: LogitView, columns: int, band: slice = slice(None)
) -> Iterator[tuple[slice, LiveBlock, Flipped | None]]:
    """Yield rows of a view that has a transform, with the transformed logits of their live columns.

    They come with the pixels whose argmax the transform has changed; None where it changes none.
    """
    source, transform = Upsampled.of(view), view.transform
    assert transform is not None
    first, end, _ = band.indices(view.size[0])
    step = rows_per_block(view.size[1])
    for start in range(first, end, step):
        rows = slice(start, min(start + step, end))
        if isinstance(transform, CompiledTransform):
            yield rows, *_apply_in_place(source.to_float32(rows), transform)
        else:
            yield rows, *_apply_function(source.to_float64(rows, columns), transform, source.live)


def _apply_in_place(z: LiveBlock, transform: CompiledTransform) -> tuple[LiveBlock, Flipped | None]:
    if transform.keeps_argmax:
        transform.in_place(z)
        return z, None
    before = _argmax(z)
    transform.in_place(z)
    return z, before != _argmax(z)


def _apply_function(z: Block, transform: Transform, live: Live) -> tuple[LiveBlock, Flipped]:
    """Apply a Python function in float64; predictions are compared before logits are rounded."""
    before, shape = _argmax(z), z.shape
    after = np.ascontiguousarray(transform(z), np.float64)
    if after.shape != shape:
        raise ValueError(f"a transform made logits of {after.shape} of those of {shape}; as many are needed")
    rounded = np.empty((len(live), shape[1]), np.float32)
    if round_live_columns(after, live, rounded):
        raise ValueError(f"a transform made logits that are no numbers, or beyond {CALIBRATED_LIMIT:.0f}")
    return rounded, before != _argmax(after)


def _argmax(z: Block | LiveBlock) -> Top:
    top = np.empty(z.shape[1], np.int32)
    argmax(z, top)
    return top


@cached_njit
def round_live_columns(z: Block, live: Live, rounded: LiveBlock) -> int:
    """Round the live columns to float32, and count values that are neither logits nor -inf."""
    stray = 0
    for k in range(U64(len(live))):
        c = U64(live[k])
        for x in range(U64(z.shape[1])):
            value = z[c, x]
            rounded[k, x] = value
            stray += not ((abs(value) <= CALIBRATED_LIMIT) | (value == -np.inf))
    return stray

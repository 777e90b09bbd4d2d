"""The fused kernel: every statistic of an image in one pass over its pixels, compiled by numba.

Method: the image is walked row by row. Of each row a *block* of 256 pixels is interpolated for all classes
into a buffer that stays in the first cache, and every statistic is counted before the next block
overwrites it; nothing of the size classes x height x width is ever stored. Pixels of a block are visited in
*phase-major* order (all first pixels of 64 native cells, then all second ones, ...): interpolation then reads
and writes contiguous memory whatever the ratio, and statistics do not depend on the order. Per-pixel values
are float32; whatever is added up is an integer, so that results do not depend on any order. Short rows are walked
several at a time, as one line, so that blocks are nearly full.

`row_blocks` divides a line into blocks; `logits`, `pixels`, `scores` and `tables` are the stages of a block, which
share `scratch_layout` and `binning`; `walk` goes over an image; `totals` adds up images. `kernels.reference` defines
what is computed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from reliseg.kernels.cpu import row_blocks
from reliseg.kernels.cpu.logits import ClassGroups, class_groups, fits_columns
from reliseg.kernels.cpu.scores import KINDS, scores_at
from reliseg.kernels.cpu.tables import ImageTables
from reliseg.kernels.cpu.totals import Totals
from reliseg.kernels.cpu.upsample import read_only
from reliseg.kernels.cpu.walk import count_roles, observe_image
from reliseg.stats.bins import UNKNOWN, VOID
from reliseg.stats.device import DeviceLogits
from reliseg.stats.pixels import Layout, PixelStatistics
from reliseg.stats.rows import Rows
from reliseg.stats.rows import row_blocks as row_blocks_of
from reliseg.stats.samples import SampleTable
from reliseg.stats.view import LogitView
from reliseg.types import Float32, Int64, LiveBlock, Logits, Truth

_COUNTER_LIMIT = 1 << 32
_NO_FACTORS = np.zeros((0, 0), np.float32)


class Piece(NamedTuple):
    """Rows of an image, the logits that they are interpolated from, and the interpolation."""

    band: slice
    logits: Logits | DeviceLogits
    rows: row_blocks.RowTaps
    columns: row_blocks.RowBlocks

    def factors(self, view: LogitView) -> Float32[np.ndarray, "n w"]:
        """Return the factors of its pixels; an empty array where the view has none."""
        return read_only(_NO_FACTORS if view.pixel_factors is None else view.pixel_factors[self.band])


def pieces_of_view(view: LogitView, band: slice = slice(None)) -> Iterator[Piece]:
    """Yield the rows of a band of a view without a transform: all at once, or as many as `Rows` give at a time."""
    logits = view.logits
    if isinstance(logits, Rows):
        for rows in row_blocks_of(logits.shape, band):
            yield _piece_at_full_size(rows, logits.rows(rows))
        return
    taps = row_blocks.row_taps(logits.shape[1], view.size[0], view.align_corners)
    columns = row_blocks.divide_row(logits.shape[2], view.size[1], view.align_corners)
    yield Piece(band, logits, row_blocks.RowTaps(*(part[band] for part in taps)), columns)


def pieces_of_blocks(view: LogitView, blocks: Iterable[tuple[slice, LiveBlock]]) -> Iterator[Piece]:
    """Yield rows whose logits are computed at full resolution: blocks of the view's live columns."""
    for rows, z in blocks:
        yield _piece_at_full_size(rows, z.reshape(len(z), -1, view.size[1]))


def _piece_at_full_size(band: slice, logits: Logits) -> Piece:
    """Return rows whose logits need no interpolation."""
    _, height, width = logits.shape
    return Piece(band, logits, row_blocks.identity_taps(height), row_blocks.consecutive_blocks(width))


class Kernel:
    """Statistics of images, one after the other, by the fused kernel.

    For one thread at a time; several kernels may run at once, as the compiled code releases the GIL.
    """

    def __init__(self, layout: Layout) -> None:
        check_layout(layout)
        self._layout = layout
        self.reset()

    def reset(self) -> None:
        """Forget all images."""
        self._tables: Totals | None = None
        self._pixels = 0
        self._earlier: PixelStatistics | None = None

    def observe(self, view: LogitView, truth: Truth, sample: str, band: slice = slice(None)) -> SampleTable:
        """Add an image, or a band of its rows, and return its row of the sample table.

        Truth ids are classes of the data set, 254 (unknown) or 255 (void); logits must be finite.
        """
        check_view(self._layout, view, truth, _COUNTER_LIMIT)
        return self._observe(view, truth, sample, band, pieces_of_view(view, band))

    def observe_blocks(
        self, view: LogitView, truth: Truth, sample: str, band: slice, blocks: Iterable[tuple[slice, LiveBlock]]
    ) -> SampleTable:
        """Add an image whose logits are computed at full resolution, a block of the band's rows at a time.

        Blocks hold the view's live columns. They are counted to the bit as they are, multiplied by the view's
        temperatures and factors.
        """
        check_view(self._layout, view, truth, _COUNTER_LIMIT)
        live = np.unique(view.groups)
        return self._observe(replace(view, groups=live), truth, sample, band, pieces_of_blocks(view, blocks))

    def _observe(self, view: LogitView, truth: Truth, sample: str, band: slice, pieces: Iterable[Piece]) -> SampleTable:
        unknown, void = count_uncounted_pixels(self._layout, truth[band], sample)
        self._spill_before_overflow(truth[band].size)
        groups, live = group_classes(self._layout, view)
        totals = self._totals
        image = ImageTables.of_image(self._layout, live, totals.coarse_entries(truth[band].size))
        scores = scores_at(self._layout.scores, totals.starts, totals.spans)
        for piece in pieces:
            observe_image(
                read_only(np.asarray(piece.logits)),
                read_only(truth[piece.band]),
                piece.rows,
                piece.columns,
                groups,
                piece.factors(view),
                scores,
                image,
                totals.fine,
            )
        return totals.add(image, live, sample, unknown, void)

    def absorb(self, other: "Kernel") -> None:
        """Add all that another kernel of the same layout has counted, and reset that one."""
        if other._tables is not None:
            self._spill_before_overflow(other._pixels)
            self._totals.absorb(other._tables)
        if other._earlier is not None:
            self._earlier = other._earlier if self._earlier is None else self._earlier + other._earlier
        other.reset()

    def statistics(self) -> PixelStatistics:
        """Return the statistics of all images observed since creation or reset."""
        lazy = self._lazy_statistics()
        return replace(lazy, ranks=dict(lazy.ranks))

    def take(self) -> PixelStatistics:
        """Return the statistics, and forget the images: half the memory, as ranks are converted when they are read."""
        lazy = self._lazy_statistics()
        self.reset()
        return lazy

    def _lazy_statistics(self) -> PixelStatistics:
        current = self._totals.statistics()
        return current if self._earlier is None else self._earlier + current

    @property
    def _totals(self) -> Totals:
        if self._tables is None:
            self._tables = Totals(self._layout)
        return self._tables

    def _spill_before_overflow(self, pixels: int) -> None:
        """Move the counts out of the 32-bit tables before they could overflow."""
        if self._pixels + pixels >= _COUNTER_LIMIT:
            self._earlier = self.statistics()
            self._tables = None
            self._pixels = 0
        self._pixels += pixels


def check_layout(layout: Layout) -> None:
    """Raise a ValueError if a kernel cannot count what is asked for."""
    unknown = [score for score in layout.scores if score not in KINDS]
    if unknown:
        raise ValueError(f"the kernel has no score {unknown[0]!r}, only {', '.join(KINDS)}")
    if not 1 <= layout.classes <= row_blocks.NOTHING:
        raise ValueError(f"1 to {row_blocks.NOTHING} classes can be counted, not {layout.classes}")


def check_view(layout: Layout, view: LogitView, truth: Truth, limit: int) -> None:
    """Raise a ValueError if the parts do not fit each other; images have fewer than `limit` pixels."""
    columns = layout.columns
    if view.logits.ndim != 3 or view.logits.dtype != np.float32 or view.logits.size == 0:
        raise ValueError(f"logits must be float32 of c x h x w, not {_describe(view.logits)}")
    if isinstance(view.logits, Rows) and view.logits.shape[1:] != tuple(view.size):
        raise ValueError(f"rows must have the size {view.size}, not {_describe(view.logits)}")
    if truth.shape != tuple(view.size) or truth.dtype != np.uint8 or not 0 < truth.size < limit:
        raise ValueError(f"truth must be uint8 of size {view.size}, not {_describe(truth)}")
    groups, factors = view.groups, view.inverse_temperatures
    are_columns, are_factors = fits_columns(groups.ravel(), factors.ravel(), columns)
    if groups.shape != view.logits.shape[:1] or not are_columns:
        raise ValueError(
            f"groups must give each of {len(view.logits)} model classes a column 0 to {columns - 1}: {groups}"
        )
    if factors.shape != (columns,) or not are_factors:
        raise ValueError(f"{columns} positive inverse temperatures are needed: {factors}")
    pixels = view.pixel_factors
    if pixels is None:
        return
    if pixels.shape != truth.shape or pixels.dtype != np.float32:
        raise ValueError(f"factors must be float32 of size {view.size}, not {_describe(pixels)}")
    if not (np.isfinite(pixels) & (pixels > 0)).all():
        raise ValueError("factors of pixels must be positive and finite")


def count_uncounted_pixels(layout: Layout, truth: Truth, sample: str) -> tuple[int, int]:
    """Return the numbers of unknown and of void pixels; a ValueError if an id is no label."""
    unknown, void, stray = count_roles(read_only(truth), layout.classes)
    if stray:
        raise ValueError(
            f"{sample}: {stray} pixels of the truth are neither a class (0 to {layout.classes - 1}) "
            f"nor {UNKNOWN} (unknown) nor {VOID} (void)"
        )
    return unknown, void


def group_classes(layout: Layout, view: LogitView) -> tuple[ClassGroups, Int64[np.ndarray, " r"]]:
    """Return the rows of the kernel's buffer with the model classes of each, and the column of each row."""
    return class_groups(view.groups, view.inverse_temperatures, layout.classes, view.pixel_factors is not None)


def compile_kernels() -> None:
    """Compile everything, or load it from numba's cache: it takes seconds, which no measurement should contain."""
    kernel = Kernel(Layout(classes=1, scores=tuple(KINDS)))
    logits = np.zeros((1, 1, 1), np.float32)
    view = LogitView(logits, (1, 1), False, np.zeros(1, np.int64), np.ones(2))
    kernel.observe(view, np.zeros((1, 1), np.uint8), "warm-up")


def _describe(array: np.ndarray | DeviceLogits | Rows) -> str:
    return f"{array.dtype} {' x '.join(map(str, array.shape))}"

"""Class, scores and fine bins of every pixel, to the bit as the fused kernel counts them; and probabilities."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from reliseg.kernels.cpu.kernel import check_layout, check_view, group_classes, pieces_of_blocks, pieces_of_view
from reliseg.kernels.cpu.scores import scores_at
from reliseg.kernels.cpu.transformed import rows_per_block, transformed_blocks
from reliseg.kernels.cpu.upsample import Upsampled, argmax, read_only
from reliseg.kernels.cpu.walk import Maps, map_image
from reliseg.stats.bins import VOID
from reliseg.stats.pixels import Layout
from reliseg.stats.view import LogitView
from reliseg.types import Bool, Float32, Int32, LiveBlock, Truth, UInt8

OTHER_ID = 255
"""In maps of classes, what the data set has no class for."""
_PIXEL_LIMIT = 1 << 31


@dataclass(frozen=True, eq=False)
class PixelMaps:
    """Of an image: the predicted class of each pixel, 255 for `other`; built-in scores, and their fine bins."""

    classes: UInt8[np.ndarray, "H W"]
    scores: Mapping[str, Float32[np.ndarray, "H W"]]
    bins: Mapping[str, Int32[np.ndarray, "H W"]]

    def accepted(self, score: str, last: int) -> Bool[np.ndarray, "H W"]:
        """Tell of each pixel whether a threshold that accepts the fine bins up to `last` accepts it."""
        return np.asarray(self.bins[score] <= last)


def pixel_maps(view: LogitView, scores: Sequence[str] = ()) -> PixelMaps:
    """Return the maps of an image, of `msp` and these scores; its logits are computed some rows at a time."""
    scores = tuple(dict.fromkeys(("msp", *scores)))
    columns = len(view.inverse_temperatures)
    layout = Layout(columns - 1, scores)
    check_layout(layout)
    check_view(layout, view, _no_truth(view), _PIXEL_LIMIT)
    pixels = view.size[0] * view.size[1]
    maps = Maps(
        np.empty(pixels, np.uint8),
        np.empty((len(scores), pixels), np.float32),
        np.empty((len(scores), pixels), np.int32),
    )
    pieces = pieces_of_view(view)
    if view.transform is not None:
        pieces = pieces_of_blocks(view, ((rows, z) for rows, z, _ in transformed_blocks(view, columns)))
        view = replace(view, groups=np.unique(view.groups))
    groups, live = group_classes(layout, view)
    nowhere = np.zeros(len(scores), np.int32)  # nothing is counted
    asked = scores_at(scores, nowhere, nowhere)
    width = view.size[1]
    for piece in pieces:
        start, stop, _ = piece.band.indices(view.size[0])
        here = slice(start * width, stop * width)
        of_piece = Maps(maps.columns[here], maps.scores[:, here], maps.bins[:, here])
        logits = read_only(np.asarray(piece.logits))
        map_image(logits, piece.rows, piece.columns, groups, live, piece.factors(view), asked, width, of_piece)
    maps.columns[maps.columns == columns - 1] = OTHER_ID
    return PixelMaps(
        maps.columns.reshape(view.size),
        {name: maps.scores[i].reshape(view.size) for i, name in enumerate(scores)},
        {name: maps.bins[i].reshape(view.size) for i, name in enumerate(scores)},
    )


def probability_rows(view: LogitView, rows: slice = slice(None)) -> Float32[np.ndarray, "y n w"]:
    """Return the probabilities of all columns for the pixels of some rows, from the float32 logits that are counted.

    They are 0 for columns that no class of the model goes to.
    """
    columns, live = len(view.inverse_temperatures), np.unique(view.groups)
    first, end, _ = rows.indices(view.size[0])
    whole = np.zeros((columns, max(end - first, 0), view.size[1]), np.float32)
    slopes = view.inverse_temperatures[live].astype(np.float32)
    for here, z in _blocks(view, columns, slice(first, end)):
        top = np.empty(z.shape[1], np.int32)
        argmax(z, top)
        factors = slopes[top]
        if view.pixel_factors is not None:
            factors = factors * view.pixel_factors[here].ravel()
        z -= np.take_along_axis(z, top[None], axis=0)
        z *= factors
        np.exp(z, out=z)
        z /= z.sum(axis=0)
        whole[live, here.start - first : here.stop - first] = z.reshape(len(live), -1, view.size[1])
    return whole


def _blocks(view: LogitView, columns: int, band: slice) -> Iterator[tuple[slice, LiveBlock]]:
    """Yield rows of a band with the logits of their live columns, projected and transformed, in memory of their own."""
    if view.transform is not None:
        yield from ((rows, z) for rows, z, _ in transformed_blocks(view, columns, band))
        return
    source, step = Upsampled.of(view), rows_per_block(view.size[1])
    for start in range(band.start, band.stop, step):
        rows = slice(start, min(start + step, band.stop))
        yield rows, source.to_float32(rows)


def _no_truth(view: LogitView) -> Truth:
    """Return labels for all pixels of a view, in the memory of one."""
    return np.broadcast_to(np.uint8(VOID), view.size)

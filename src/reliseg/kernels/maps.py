"""The predicted class, scores and fine bins of every pixel, to the bit as the fused kernel counts them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32, Int32, UInt8

from reliseg.kernels.cpu.kernel import check_layout, check_view, group_classes, pieces_of_blocks, pieces_of_view
from reliseg.kernels.cpu.scores import scores_at
from reliseg.kernels.cpu.transformed import transformed_blocks
from reliseg.kernels.cpu.upsample import read_only
from reliseg.kernels.cpu.walk import Maps, map_image
from reliseg.stats.bins import VOID
from reliseg.stats.pixels import Layout
from reliseg.stats.view import LogitView
from reliseg.types import Truth

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
    maps = Maps(
        np.empty(view.size, np.uint8),
        np.empty((len(scores), *view.size), np.float32),
        np.empty((len(scores), *view.size), np.int32),
    )
    pieces = pieces_of_view(view)
    if view.transform is not None:
        pieces = pieces_of_blocks(view, ((rows, z) for rows, z, _ in transformed_blocks(view, columns)))
        view = replace(view, groups=np.unique(view.groups))
    groups, live = group_classes(layout, view)
    nowhere = np.zeros(len(scores), np.int32)  # nothing is counted
    asked = scores_at(scores, nowhere, nowhere)
    for piece in pieces:
        here = Maps(maps.columns[piece.band], maps.scores[:, piece.band], maps.bins[:, piece.band])
        logits = read_only(np.asarray(piece.logits))
        map_image(logits, piece.rows, piece.columns, groups, live, piece.factors(view), asked, here)
    maps.columns[maps.columns == columns - 1] = OTHER_ID
    return PixelMaps(
        maps.columns,
        {name: maps.scores[i] for i, name in enumerate(scores)},
        {name: maps.bins[i] for i, name in enumerate(scores)},
    )


def _no_truth(view: LogitView) -> Truth:
    """Return labels for all pixels of a view, in the memory of one."""
    return np.broadcast_to(np.uint8(VOID), view.size)

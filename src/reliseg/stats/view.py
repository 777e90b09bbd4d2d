"""What the kernels read: logits at native stride and the way to the pixel's probabilities."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Float64, Int64

from reliseg.stats.device import DeviceLogits
from reliseg.types import Block, Factors, LiveBlock, Logits

Transform: TypeAlias = Callable[[Block], Block]
"""Logits of some pixels (columns x pixels) -> as many logits. Columns that no model class goes to stay -inf."""


@dataclass(frozen=True, eq=False)
class CompiledTransform:
    """A transform that has a fast twin: any function is a transform, this one is counted several times as fast.

    It is called as any other, and that is its definition. Kernels use `in_place`, which does the same to float32
    logits of only the columns that some model class goes to, within float32's rounding of logits. Where `keeps_argmax`,
    neither changes the argmax of any pixel.
    """

    definition: Transform
    in_place: Callable[[LiveBlock], None]
    keeps_argmax: bool = False

    def __call__(self, z: Block) -> Block:
        """The transform by its definition."""
        return self.definition(z)


@dataclass(frozen=True, eq=False)
class LogitView:
    """Logits, and what is done with them: upsample bilinearly to `size`, add up groups, multiply.

    `groups[m]` is the column (class of the data set, or the last one, `other`) of model class m.
    `inverse_temperatures[y]` multiplies the column logits of a pixel whose argmax is y, and `pixel_factors`, where
    there are any, those of each pixel by its own. A `transform`, where there is one, is applied before that: a pure
    function of the column logits of some pixels.
    """

    logits: Logits | DeviceLogits
    size: tuple[int, int]
    align_corners: bool
    groups: Int64[np.ndarray, " c"]
    inverse_temperatures: Float64[np.ndarray, " y"]
    transform: Transform | None = None
    pixel_factors: Factors | None = None


def source_positions(
    native: int, size: int, align_corners: bool
) -> tuple[Int64[np.ndarray, " o"], Float64[np.ndarray, " o"]]:
    """For each output place the lower native index and the weight of the next one (torch's bilinear rule)."""
    place = np.arange(size, dtype=np.float64)
    if align_corners:
        x = place * ((native - 1) / (size - 1)) if size > 1 else place
    else:
        x = (place + 0.5) * (native / size) - 0.5
    x = np.clip(x, 0, native - 1)
    lower = np.minimum(np.floor(x).astype(np.int64), max(native - 2, 0))
    return lower, x - lower

"""The input of kernels: logits at native stride and the way to the probabilities of each pixel."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from reliseg.stats.device import DeviceLogits
from reliseg.stats.rows import Rows
from reliseg.types import Block, Factors, Float64, Int64, LiveBlock, Logits

Transform: TypeAlias = Callable[[Block], Block]
"""Logits of some pixels (columns x pixels) -> as many logits. Columns that no model class goes to stay -inf."""


@dataclass(frozen=True, eq=False)
class CompiledTransform:
    """A transform with a compiled form, which kernels apply several times as fast as a Python function.

    Calling it applies the `definition`, in float64. `in_place` is the compiled form: it changes float32 logits of the
    columns that some model class goes to, and agrees with the definition within float32's rounding of logits. Where
    `keeps_argmax`, neither form changes the argmax of any pixel.
    """

    definition: Transform
    in_place: Callable[[LiveBlock], None]
    keeps_argmax: bool = False

    def __call__(self, z: Block) -> Block:
        """Apply the definition."""
        return self.definition(z)


@dataclass(frozen=True, eq=False)
class LogitView:
    """Logits, native or as `Rows`, and the steps to those of each pixel: upsample, project, transform, multiply.

    Logits are upsampled bilinearly to `size`. `groups[m]` is the column of model class m (a class of the data set, or
    the last one, `other`); classes of one column are joined by logsumexp. A `transform`, if there is one, then maps
    the column logits of some pixels, each by itself. In the end the logits of a pixel are multiplied by
    `inverse_temperatures[y]`, where y is its argmax, and by its entry of `pixel_factors`, if there are any.

    `of_probabilities` says that the logits are logarithms of probabilities, already at the size of the image;
    `stats.probabilities.LOG_ZERO` stands for that of 0.
    """

    logits: Logits | DeviceLogits | Rows
    size: tuple[int, int]
    align_corners: bool
    groups: Int64[np.ndarray, " c"]
    inverse_temperatures: Float64[np.ndarray, " y"]
    transform: Transform | None = None
    pixel_factors: Factors | None = None
    of_probabilities: bool = False


def source_positions(
    native: int, size: int, align_corners: bool
) -> tuple[Int64[np.ndarray, " o"], Float64[np.ndarray, " o"]]:
    """Return for each output place the lower native index and the weight of the next (torch's bilinear rule)."""
    place = np.arange(size, dtype=np.float64)
    if align_corners:
        x = place * ((native - 1) / (size - 1)) if size > 1 else place
    else:
        x = (place + 0.5) * (native / size) - 0.5
    x = np.clip(x, 0, native - 1)
    lower = np.minimum(np.floor(x).astype(np.int64), max(native - 2, 0))
    return lower, x - lower

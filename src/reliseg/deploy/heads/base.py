"""The interface of a calibration's form in torch."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from reliseg.stats.probabilities import LEAST_PROBABILITY, LOG_ZERO
from reliseg.types import Float, Int


class Extras(NamedTuple):
    """What some methods read beside the logits."""

    feature: Float[Tensor, "n f"] | None = None
    image: Float[Tensor, "n 3 H W"] | None = None
    """8-bit values."""


class HeadMethod(nn.Module):
    """Projected logits of all pixels -> calibrated ones, of the columns that some class of the model goes to.

    It changes nothing by itself. `keeps_argmax` says that the top column stays the top one.
    """

    keeps_argmax = True

    def forward(
        self, z: Float[Tensor, "n l H W"], top: Int[Tensor, "n 1 H W"], extras: Extras
    ) -> Float[Tensor, "n l H W"]:
        """Return calibrated logits; `top` is the argmax of each pixel."""
        return z


class Scaling(HeadMethod):
    """Logits times 1/T, which is above 0: so the largest one may be taken from the others before, or after.

    By itself it changes nothing.
    """

    def forward(
        self, z: Float[Tensor, "n l H W"], top: Int[Tensor, "n 1 H W"], extras: Extras
    ) -> Float[Tensor, "n l H W"]:
        """Return scaled logits."""
        factors = self.factors(z, top, extras)
        return z if factors is None else z * factors

    def factors(
        self, z: Float[Tensor, "n l H W"], top: Int[Tensor, "n 1 H W"], extras: Extras
    ) -> Float[Tensor, "..."] | None:
        """Return 1/T of each pixel (n x 1 x H x W), of each image (n x 1 x 1 x 1), or of all (a number); None for 1."""
        return self.of_images(z.shape[0], extras)

    def of_images(self, images: int, extras: Extras) -> Float[Tensor, "..."] | None:
        """Return 1/T where all pixels of an image have one: it may be applied before logits are interpolated."""
        return None


class Factor(Scaling):
    """1/T of all pixels, a number, or of each predicted column."""

    inverse_temperatures: Tensor

    def __init__(self, inverse_temperatures: Float[Tensor, "..."]) -> None:
        super().__init__()
        self.register_buffer("inverse_temperatures", inverse_temperatures.float())

    def factors(self, z: Float[Tensor, "n l H W"], top: Int[Tensor, "n 1 H W"], extras: Extras) -> Float[Tensor, "..."]:
        """Return that of the top column."""
        return taken(self.inverse_temperatures, top) if self.inverse_temperatures.ndim else self.inverse_temperatures

    def of_images(self, images: int, extras: Extras) -> Float[Tensor, "..."] | None:
        """Return that of all pixels."""
        return None if self.inverse_temperatures.ndim else self.inverse_temperatures


def log_probabilities(p: Float[Tensor, "n c H W"]) -> Float[Tensor, "n c H W"]:
    """Return the logarithms of probabilities, which stand in the place of logits: see `stats.probabilities`."""
    return torch.where(p > 0, p.clamp(min=LEAST_PROBABILITY).log(), torch.full_like(p, LOG_ZERO))


def taken(table: Tensor, places: Int[Tensor, "n 1 H W"]) -> Tensor:
    """Return the entries of a table at places. As a graph this is several times as fast as `table[places]`."""
    return table.index_select(0, places.flatten()).view(places.shape)


def top_of(z: Float[Tensor, "n l H W"]) -> Int[Tensor, "n 1 H W"]:
    """Return the largest column of each pixel, the first of equal ones."""
    return z.argmax(dim=1, keepdim=True)


def scaled_below(
    z: Float[Tensor, "n l H W"], most: Float[Tensor, "n 1 H W"], factors: Float[Tensor, "..."] | None
) -> Float[Tensor, "n l H W"]:
    """Return how far values lie below the largest one, times factors above 0 where there are some: in one pass."""
    return z - most if factors is None else torch.addcmul(-most * factors, z, factors)


def without_top(z: Float[Tensor, "n l H W"], top: Int[Tensor, "n 1 H W"], fill: float) -> Float[Tensor, "n l H W"]:
    """Return the values with another one in the place of the top column's."""
    return z.scatter(1, top, fill)

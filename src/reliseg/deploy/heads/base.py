"""The interface of a calibration's form in torch."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


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


class Factor(HeadMethod):
    """Logits times 1/T: one, one for each predicted column, or, with rows, one of these for each image."""

    inverse_temperatures: Tensor

    def __init__(self, inverse_temperatures: Float[Tensor, "..."]) -> None:
        super().__init__()
        self.register_buffer("inverse_temperatures", inverse_temperatures.float())

    def forward(
        self, z: Float[Tensor, "n l H W"], top: Int[Tensor, "n 1 H W"], extras: Extras
    ) -> Float[Tensor, "n l H W"]:
        """Return scaled logits."""
        return z * self.inverse_temperatures[top]


def top_of(z: Float[Tensor, "n l H W"]) -> Int[Tensor, "n 1 H W"]:
    """Return the largest column of each pixel, the first of equal ones."""
    return z.argmax(dim=1, keepdim=True)


def without_top(z: Float[Tensor, "n l H W"], top: Int[Tensor, "n 1 H W"], fill: float) -> Float[Tensor, "n l H W"]:
    """Return the values with another one in the place of the top column's."""
    columns = torch.arange(z.shape[1], device=z.device).view(1, -1, 1, 1)
    return torch.where(columns == top, torch.full_like(z, fill), z)

"""What a model says about one image, and the pixels of it that count."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from reliseg.labels import Projection
from reliseg.types import Feature, Logits

LOGIT_LIMIT = 2.0**14
"""Logits beyond this are refused as infinite ones are: the exact sums have room for no more."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """Logits at the model's own stride and how they become probabilities: upsample -> project -> calibrate.

    `size` (H, W) is the image's; logits are brought there bilinearly, `align_corners` as torch defines it.
    `inverse_temperatures` holds 1/T per predicted class of the data set (the last entry is `other`'s): the
    projected logits of a pixel are multiplied by the entry of its argmax. None changes nothing.
    """

    logits: Logits
    size: tuple[int, int]
    align_corners: bool = False
    feature: Feature | None = None
    projection: Projection | None = None
    inverse_temperatures: Float64[np.ndarray, " g"] | None = None

    def projected(self, projection: Projection) -> "Prediction":
        """The same prediction in a data set's classes."""
        return replace(self, projection=projection)

    def problem(self) -> str | None:
        """Why these logits cannot be counted, or None."""
        if self.logits.size == 0:
            return "the model gave an empty tensor"
        largest = float(np.abs(self.logits).max())  # NaN and infinity propagate
        if not np.isfinite(largest):
            return "the model gave NaN or infinite logits"
        if largest > LOGIT_LIMIT:
            return f"the model gave a logit of magnitude {largest:.3g}; the limit is {LOGIT_LIMIT:.0f}"
        return None

"""Calibration of single images."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from reliseg.metrics.base import DomainState, Metric, Quantity
from reliseg.metrics.replicates import Replicates, mean_replicates
from reliseg.results import Value

_DEFINITION = "ece/15/equal-width/(l,r]/mean-of-images"


@dataclass(frozen=True)
class ImageError(Metric):
    """The ECE of each image, averaged over images: errors of opposite sign do not cancel between images.

    A pixel within 2^-22 of an edge may fall in the next bin, which moves the ECE of its image by up to 2/N.
    """

    def quantities(self) -> Mapping[str, Quantity]:
        """Return the numbers that it gives, by name."""
        return {
            "image_ece": Quantity(_DEFINITION, "ECE of each image, averaged over images", "lower", 0, 1, link="log")
        }

    def compute(self, domain: DomainState, reference: DomainState | None) -> list[Value]:
        """Return the value; images without known pixels are left out."""
        values = domain.images.ece[~np.isnan(domain.images.ece)]
        if not len(values):
            return [Value.undefined("image_ece", "no image with a counted pixel", _DEFINITION, score="msp")]
        return [Value.exact("image_ece", math.fsum(values) / len(values), _DEFINITION, score="msp")]

    def replicates(self, domain: DomainState, reference: DomainState | None) -> Iterator[Replicates]:
        """Yield the value without each unit."""
        if domain.units is not None:
            yield mean_replicates("image_ece", domain.images.ece, domain.units, score="msp")

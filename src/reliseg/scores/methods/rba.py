"""The score `rba`."""

from dataclasses import dataclass
from typing import ClassVar

from reliseg.scores.base import ModelScore


@dataclass(frozen=True)
class Rba(ModelScore):
    """Rejected by all, reversed (Nayal et al., ICCV 2023): the sum over classes of tanh of the class map; in [0, C).

    Their outlier score is its negative: a pixel that no query claims for any class has the least confidence, 0. Class
    maps are those of mask classification, no object left out, at the size of the image.
    """

    comes_with: ClassVar[str] = "class maps of mask classification"

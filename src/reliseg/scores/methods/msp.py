"""The score `msp`."""

from dataclasses import dataclass
from typing import ClassVar

from reliseg.scores.base import BuiltInScore


@dataclass(frozen=True)
class Msp(BuiltInScore):
    """Maximum softmax probability (Hendrycks and Gimpel, ICLR 2017): in (0, 1]."""

    name: ClassVar[str] = "msp"

"""The score `margin`."""

from dataclasses import dataclass
from typing import ClassVar

from reliseg.scores.base import BuiltInScore


@dataclass(frozen=True)
class Margin(BuiltInScore):
    """The largest minus the second largest softmax probability: in [0, 1]."""

    name: ClassVar[str] = "margin"

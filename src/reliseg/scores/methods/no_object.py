"""The score `no_object`."""

from dataclasses import dataclass
from typing import ClassVar

from reliseg.scores.base import ModelScore


@dataclass(frozen=True)
class NoObject(ModelScore):
    """The share of the classes in all class maps of mask classification, 1 minus that of no object: in [0, 1].

    Where queries that cover a pixel say that they are no object, it is low.
    """

    comes_with: ClassVar[str] = "class maps of mask classification"

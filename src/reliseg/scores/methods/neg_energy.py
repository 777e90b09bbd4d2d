"""The score `neg_energy`."""

from dataclasses import dataclass
from typing import ClassVar

from reliseg.scores.base import BuiltInScore


@dataclass(frozen=True)
class NegEnergy(BuiltInScore):
    """Minus the free energy, logsumexp of the logits (Liu et al., NeurIPS 2020): any real number.

    A model that gives probabilities has no logits: it is undefined.
    """

    name: ClassVar[str] = "neg_energy"
    needs_logits: ClassVar[bool] = True

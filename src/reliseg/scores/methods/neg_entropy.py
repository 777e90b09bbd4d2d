"""The score `neg_entropy`."""

from dataclasses import dataclass
from typing import ClassVar

from reliseg.scores.base import BuiltInScore


@dataclass(frozen=True)
class NegEntropy(BuiltInScore):
    """Minus the entropy of the softmax, in nats: in [-log C, 0]."""

    name: ClassVar[str] = "neg_entropy"

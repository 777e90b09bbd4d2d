"""The score `neg_expected_entropy`."""

from dataclasses import dataclass
from typing import ClassVar

from reliseg.scores.base import ModelScore


@dataclass(frozen=True)
class NegExpectedEntropy(ModelScore):
    """Minus the mean entropy of several predictions, in nats: in [-log C, 0].

    It is what stays uncertain if one of the members of an ensemble, the passes with dropout or the views is right.
    """

    comes_with: ClassVar[str] = "several predictions: kind: ensemble, mc_dropout or tta"

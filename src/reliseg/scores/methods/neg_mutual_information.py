"""The score `neg_mutual_information`."""

from dataclasses import dataclass
from typing import ClassVar

from reliseg.scores.base import ModelScore


@dataclass(frozen=True)
class NegMutualInformation(ModelScore):
    """Minus the mutual information of class and prediction, in nats (Houlsby et al., 2011): in [-log K, 0].

    Of K predictions (members of an ensemble, passes with dropout, views) it is how far they disagree: the entropy
    of their mean probability minus the mean of their entropies.
    """

    comes_with: ClassVar[str] = "several predictions: kind: ensemble, mc_dropout or tta"

"""The score `max_logit`."""

from dataclasses import dataclass
from typing import ClassVar

from reliseg.scores.base import BuiltInScore


@dataclass(frozen=True)
class MaxLogit(BuiltInScore):
    """The largest logit (Hendrycks et al., ICML 2022): any real number.

    A model that gives probabilities has no logits: it is undefined.
    """

    name: ClassVar[str] = "max_logit"
    needs_logits: ClassVar[bool] = True

"""The score `max_logit`."""

from dataclasses import dataclass
from typing import ClassVar

from reliseg.scores.base import BuiltInScore


@dataclass(frozen=True)
class MaxLogit(BuiltInScore):
    """The largest logit (Hendrycks et al., ICML 2022): any real number."""

    name: ClassVar[str] = "max_logit"

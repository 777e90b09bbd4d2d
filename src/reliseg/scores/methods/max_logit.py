"""The score `max-logit`."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float64

from reliseg.scores.base import Score
from reliseg.stats.built_in_scores import confidences
from reliseg.types import Block


@dataclass(frozen=True)
class MaxLogit(Score):
    """The largest logit (Hendrycks et al., ICML 2022): any real number."""

    built_in: ClassVar[bool] = True

    def __call__(self, logits: Block) -> Float64[np.ndarray, " p"]:
        """The confidence of each pixel."""
        return confidences(logits)["max_logit"]

"""The interface of scores."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float64

from reliseg.registry import Registry
from reliseg.types import Block


@dataclass(frozen=True)
class Score(ABC):
    """A confidence per pixel: a pure function of its logits (upsampled, projected, calibrated)."""

    built_in: ClassVar[bool] = False
    """Whether the kernel computes it by name; any other score is called on blocks of pixels."""

    @abstractmethod
    def __call__(self, logits: Block) -> Float64[np.ndarray, " p"]:
        """The confidence of each pixel: higher = surer."""


SCORES: Registry[Score] = Registry("reliseg.scores", "methods", "Score", "score")

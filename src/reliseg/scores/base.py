"""The interface of scores."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float64

from reliseg.registry import Registry
from reliseg.stats.built_in_scores import BUILT_IN_SCORES, Softmax
from reliseg.types import Block


@dataclass(frozen=True)
class Score(ABC):
    """A confidence per pixel: a pure function of its logits (upsampled, projected, calibrated)."""

    built_in: ClassVar[bool] = False
    """Whether the kernels compute it by its name; any other score is called on blocks of pixels."""
    needs_logits: ClassVar[bool] = False
    """Whether it is undefined for log probabilities, as it changes with a constant that is added to all logits."""

    @abstractmethod
    def __call__(self, logits: Block) -> Float64[np.ndarray, " p"]:
        """Return the confidence of each pixel: higher = more confident."""


@dataclass(frozen=True)
class BuiltInScore(Score):
    """A score that the kernels compute; its definition is the entry `name` of `stats/built_in_scores.py`."""

    built_in: ClassVar[bool] = True
    name: ClassVar[str]

    def __call__(self, logits: Block) -> Float64[np.ndarray, " p"]:
        """Return the confidence of each pixel."""
        return BUILT_IN_SCORES[self.name].confidence(Softmax.of(logits))


SCORES: Registry[Score] = Registry("reliseg.scores", "methods", "Score", "score", trial=lambda kind: kind())

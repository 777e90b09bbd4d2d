"""The interface of scores."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np

from reliseg.registry import Registry, plugin_errors
from reliseg.stats.built_in_scores import BUILT_IN_SCORES, Softmax
from reliseg.stats.rows import ScoreRows
from reliseg.types import Block, Float64

PixelScores: TypeAlias = Float64[np.ndarray, " p"]


@dataclass(frozen=True)
class Score(ABC):
    """A confidence per pixel: a pure function of its logits (upsampled, projected, calibrated)."""

    built_in: ClassVar[bool] = False
    """Whether the kernels compute it by its name; any other score is called on blocks of pixels."""
    given_by_model: ClassVar[bool] = False
    """Whether it comes with predictions, as one of their `score_maps`, and is no function of the logits."""
    comes_with: ClassVar[str] = ""
    """The models that give it, as the end of the reason why it is undefined for others."""
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


@dataclass(frozen=True)
class ModelScore(Score):
    """A score that only some models give, with their predictions: calibrations do not change it."""

    given_by_model: ClassVar[bool] = True

    def __call__(self, logits: Block) -> Float64[np.ndarray, " p"]:
        """Raise a TypeError: it cannot be computed from logits."""
        raise TypeError(f"{type(self).__name__} comes with predictions; it is no function of logits")


def score_of_rows(name: str, score: Score, z: Block, given: Mapping[str, ScoreRows], rows: slice) -> PixelScores:
    """Return a score of the pixels of some rows: a function of their logits, or one that came with the prediction.

    One that the model does not give is 0 everywhere; what is computed from it is undefined.
    """
    with plugin_errors(score):
        if not score.given_by_model:
            return score(z)
        return given[name](rows).astype(np.float64).ravel() if name in given else np.zeros(z.shape[1])


SCORES: Registry[Score] = Registry("reliseg.scores", "methods", "Score", "score", trial=lambda kind: kind())

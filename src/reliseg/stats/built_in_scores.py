"""The built-in scores, which the kernels compute themselves: the one table of their definitions and fine bins.

A new one takes three files:

1. here: its confidence and fine bin as functions of `Softmax`, and its line in `BUILT_IN_SCORES`;
2. `kernels/cpu/scores.py`: the same, compiled;
3. `scores/methods/NAME.py`: the name that configurations use, with the definition in words: source and range.

`kernels/gpu/scores.py` may follow: as long as it lacks a score, the CPU counts the images of runs that ask for it, and
such a run says so in a note. A score that needs no speed is no built-in one: it is a file of `scores/methods` alone.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from reliseg.stats.bins import FineBins, Index, MarginBins, SignedBins, TailBins, Values
from reliseg.types import Block, Float64


@dataclass(frozen=True, eq=False)
class Softmax:
    """The softmax of each pixel, as numbers that keep their precision where the largest probability is near 1."""

    top: Values
    """The largest logit."""
    odds: Values
    """The sum of exp(z - top) over the other classes, the tail odds: the largest probability is 1 / (1 + odds)."""
    runner_up: Values
    """The largest term of that sum."""
    slope: Values
    """The sum of exp(z - top) (top - z)."""

    @classmethod
    def of(cls, z: Block) -> "Softmax":
        """Compute it from logits; of equal largest ones the first is the top."""
        top = z.max(axis=0)
        odds = np.exp(z - top)
        odds[z.argmax(axis=0), np.arange(z.shape[1])] = 0
        gap = np.where(odds > 0, top - z, 0)
        return cls(top, odds.sum(axis=0), odds.max(axis=0), (odds * gap).sum(axis=0))

    @property
    def entropy(self) -> Values:
        """The entropy in nats: a sum of positive terms."""
        return np.log1p(self.odds) + self.slope / (1 + self.odds)

    @property
    def margin(self) -> Values:
        """The largest probability minus the second."""
        return (1 - self.runner_up) / (1 + self.odds)


@dataclass(frozen=True, eq=False)
class ScoreDefinition:
    """The definition of a score: a confidence per pixel, higher where the model is more confident, and its fine bin.

    Bins are those of a coordinate that does not round to 1 where the model is sure, as a probability does.
    """

    bins: FineBins
    confidence: Callable[[Softmax], Values]
    fine_bin: Callable[[Softmax], Index]
    of_coordinate: Callable[[Values], Values]
    """The confidence at a coordinate of the bins."""
    low: float
    high: float
    """Where confidences end."""


_ODDS, _ENTROPY, _MARGIN, _LOGIT = TailBins(-64, 8), TailBins(-64, 3), MarginBins(-64, -24), SignedBins(-12, 15)

BUILT_IN_SCORES: dict[str, ScoreDefinition] = {
    "msp": ScoreDefinition(
        _ODDS,
        confidence=lambda softmax: 1 / (1 + softmax.odds),
        fine_bin=lambda softmax: _ODDS.index(softmax.odds),
        of_coordinate=lambda odds: 1 / (1 + odds),
        low=0,
        high=1,
    ),
    "neg_entropy": ScoreDefinition(
        _ENTROPY,
        confidence=lambda softmax: -softmax.entropy,
        fine_bin=lambda softmax: _ENTROPY.index(softmax.entropy),
        of_coordinate=lambda entropy: -entropy,
        low=-math.inf,
        high=0,
    ),
    "margin": ScoreDefinition(
        _MARGIN,
        confidence=lambda softmax: softmax.margin,
        fine_bin=lambda softmax: _MARGIN.index_of(
            (softmax.odds + softmax.runner_up) / (1 + softmax.odds), softmax.margin
        ),
        of_coordinate=lambda margin: margin,
        low=0,
        high=1,
    ),
    "max_logit": ScoreDefinition(
        _LOGIT,
        confidence=lambda softmax: softmax.top,
        fine_bin=lambda softmax: _LOGIT.index(softmax.top),
        of_coordinate=lambda logit: logit,
        low=-math.inf,
        high=math.inf,
    ),
    "neg_energy": ScoreDefinition(
        _LOGIT,
        confidence=lambda softmax: softmax.top + np.log1p(softmax.odds),
        fine_bin=lambda softmax: _LOGIT.index(softmax.top + np.log1p(softmax.odds)),
        of_coordinate=lambda logit: logit,
        low=-math.inf,
        high=math.inf,
    ),
}
"""By name, in the order of a run that names no scores."""

OPEN_SCORE = SignedBins(-40, 15)
"""The fine bins of any other score."""


def fine_bins(score: str) -> FineBins:
    """Return the fine bins of a score."""
    return BUILT_IN_SCORES[score].bins if score in BUILT_IN_SCORES else OPEN_SCORE


def confidences(z: Block) -> dict[str, Values]:
    """Return all built-in scores of each pixel, by name."""
    softmax = Softmax.of(z)
    return {name: score.confidence(softmax) for name, score in BUILT_IN_SCORES.items()}


@lru_cache(maxsize=8)
def confidence_edges(score: str) -> Float64[np.ndarray, " e"]:
    """Return the confidences at the edges of a score's fine bins, descending; the outermost ones may be infinite.

    The array is made once, and cannot be written to.
    """
    if score in BUILT_IN_SCORES:
        definition = BUILT_IN_SCORES[score]
        inner = definition.of_coordinate(definition.bins.edges())
        edges = np.concatenate([[definition.high], inner, [definition.low]])
    else:
        edges = np.concatenate([[math.inf], OPEN_SCORE.edges(), [-math.inf]])
    edges.flags.writeable = False
    return edges


def msp_edges() -> Float64[np.ndarray, " e"]:
    """Return the top-label confidences at the edges of msp's fine bins, from 1 down to 0."""
    return confidence_edges("msp")

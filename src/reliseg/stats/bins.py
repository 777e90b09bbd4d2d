"""Bins of confidence: 15 equal-width ones, and fine ones made of the leading bits of a float32."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from reliseg.types import Float32, Float64, Int64

RELIABILITY_BINS = 15
MANTISSA = 12
"""Leading mantissa bits that a fine bin keeps: neighbouring bins differ by 2**-12 of their value."""
COARSE_SHIFT = 10
"""A coarse bin is 2**10 fine ones: a quarter of an octave."""
COARSE_BINS = 512
SET_MANTISSA, SET_OCTAVES = 4, 20
SET_BINS = SET_OCTAVES << SET_MANTISSA
"""Bins of a probability that is not the largest: 16 an octave of its odds, from 1/2 down to about 1e-6."""

UNKNOWN, VOID = 254, 255
"""The ids of truth that are no class."""
WRONG, RIGHT, UNKNOWN_ROLE, VOID_ROLE = 0, 1, 2, 3
ROLES = 4
"""The roles of pixels: known and predicted wrong, known and right, unknown, void."""

_BIAS = 127
_SHIFT = 23 - MANTISSA

Values: TypeAlias = Float64[np.ndarray, " p"]
Index: TypeAlias = Int64[np.ndarray, " p"]


def edges() -> Float64[np.ndarray, " e"]:
    """Return the edges k/15."""
    return np.arange(RELIABILITY_BINS + 1) / RELIABILITY_BINS


def reliability_bin(probability: Values) -> Index:
    """Return the bin of each probability. Bins are right-closed, the first closed on both sides."""
    index = np.searchsorted(edges(), probability, side="left") - 1
    return np.clip(index, 0, RELIABILITY_BINS - 1).astype(np.int64)


def set_bin(probability: Values) -> Index:
    """Return the bin of each probability up to 1/2, the largest first: that of its odds (1 - p) / p.

    It is `SET_BINS` or more where the odds are 2**20 or more: those are in no bin.
    """
    odds = ((1 - probability) / np.maximum(probability, 2.0 ** -(SET_OCTAVES + 2))).astype(np.float32)
    return np.maximum((_pattern(odds) - _base(0)) >> MANTISSA - SET_MANTISSA, 0)


def set_edges() -> Float64[np.ndarray, " e"]:
    """Return the probabilities at the edges of these bins, descending: a bin holds those up to its first edge.

    The second edge of a bin is in the next one.
    """
    return 1 / (1 + _values((np.arange(SET_BINS + 1) << MANTISSA - SET_MANTISSA) + _base(0)))


def _pattern(values: Float32[np.ndarray, " p"]) -> Index:
    """Return the bits of positive floats, shortened to `MANTISSA` mantissa bits: ordered as the values are."""
    return (values.view(np.int32) >> _SHIFT).astype(np.int64)


def _values(patterns: Index) -> Values:
    """Return the least float of each shortened pattern."""
    return (patterns << _SHIFT).astype(np.int32).view(np.float32).astype(np.float64)


def _base(exponent: int) -> int:
    """Return the shortened bits of 2**exponent."""
    return (exponent + _BIAS) << MANTISSA


@dataclass(frozen=True)
class FineBins(ABC):
    """Bins of a score in the order of confidence: bin 0 holds the most confident pixels."""

    low: int
    high: int

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of bins."""

    @abstractmethod
    def index(self, coordinate: Values) -> Index:
        """Return the bin of each coordinate; the subclass says what the coordinate is."""

    @abstractmethod
    def edges(self) -> Float64[np.ndarray, " e"]:
        """Return the coordinates between neighbouring bins, in the order of bins."""

    @property
    def coarse_size(self) -> int:
        """Number of coarse bins that are not always empty."""
        return (self.size - 1 >> COARSE_SHIFT) + 1


@dataclass(frozen=True)
class TailBins(FineBins):
    """For a coordinate >= 0 that is smaller where the model is more confident (tail odds, entropy).

    Bin 0 is [0, 2**low); then come 2**12 bins an octave up to 2**high; the last bin holds all beyond.
    """

    @property
    def size(self) -> int:
        """Number of bins."""
        return ((self.high - self.low) << MANTISSA) + 2

    def index(self, coordinate: Values) -> Index:
        """Return the bin of each coordinate."""
        return np.clip(_pattern(coordinate.astype(np.float32)) - _base(self.low) + 1, 0, self.size - 1)

    def edges(self) -> Float64[np.ndarray, " e"]:
        """Return the coordinates between neighbouring bins, in the order of bins: ascending."""
        return _values(np.arange(self.size - 1) + _base(self.low))


@dataclass(frozen=True)
class MarginBins(FineBins):
    """For a margin in [0, 1], given as (1 - margin, margin): fine at both ends.

    First 1 - margin from 2**low up to 1/2, then margin from 1/2 down to 2**high, then one bin for less.
    """

    @property
    def size(self) -> int:
        """Number of bins."""
        return self._half + ((-1 - self.high) << MANTISSA) + 1

    @property
    def _half(self) -> int:
        return ((-1 - self.low) << MANTISSA) + 1

    def index(self, coordinate: Values) -> Index:
        """Return the bin of each margin; 1 - margin is exact in float64 for a margin of float32."""
        return self.index_of(1.0 - coordinate, coordinate)

    def index_of(self, tail: Values, margin: Values) -> Index:
        """Return the bin of each margin, from 1 - margin and margin, each of them exact where it is small."""
        sure = np.clip(_pattern(tail.astype(np.float32)) - _base(self.low) + 1, 0, self._half - 1)
        unsure = self._half + _base(-1) - 1 - _pattern(margin.astype(np.float32))
        return np.where(tail.astype(np.float32) < 0.5, sure, np.clip(unsure, self._half, self.size - 1))

    def edges(self) -> Float64[np.ndarray, " e"]:
        """Return the margins between neighbouring bins, descending; the first ones round to 1."""
        tails = _values(np.arange(self._half) + _base(self.low))
        return np.concatenate([1 - tails, _values(_base(-1) - 1 - np.arange(self.size - 1 - self._half))])


@dataclass(frozen=True)
class SignedBins(FineBins):
    """For any real score, higher where the model is more confident: the float's own order, descending.

    Both signs from 2**high (all beyond in the outermost bin) to 2**low; one bin for |score| < 2**low.
    """

    @property
    def size(self) -> int:
        """Number of bins."""
        return 2 * self._half + 1

    @property
    def _half(self) -> int:
        return (self.high - self.low) << MANTISSA

    def index(self, coordinate: Values) -> Index:
        """Return the bin of each score."""
        short = coordinate.astype(np.float32)
        rank = np.clip(_pattern(np.abs(short)) - _base(self.low) + 1, 0, self._half)
        return self._half - np.where(short < 0, -rank, rank)

    def edges(self) -> Float64[np.ndarray, " e"]:
        """Return the scores between neighbouring bins, descending."""
        positive = _values(np.arange(self._half) + _base(self.low))
        return np.concatenate([positive[::-1], -positive])

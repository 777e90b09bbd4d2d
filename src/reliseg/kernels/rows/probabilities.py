"""Probabilities of rows of logits, logarithms of rows of probabilities, and the mean of several predictions.

`kernels.reference_rows` defines what is computed. numba is imported with this module: import it where it is used.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from reliseg.kernels.cpu.probabilities import take_logs
from reliseg.kernels.rows.log_probabilities import log_mean, neg_entropy, take_log_softmax
from reliseg.stats.probabilities import LEAST_LOG, LOG_ZERO
from reliseg.stats.rows import Rows, ScoreMaps, row_blocks
from reliseg.types import Float32

Maps: TypeAlias = Float32[np.ndarray, "c n w"]
_LEAST = np.float32(2.0**-126)
"""Where networks flush denormal numbers, smaller ones would be 0, whose logarithm is none."""
_SCALE = np.float32(2.0**64)


@dataclass(frozen=True, eq=False)
class Softmaxed(Rows):
    """Probabilities of maps of logits; none is below 2**-126."""

    logits: Rows

    @property
    def shape(self) -> tuple[int, int, int]:
        """Classes, height and width."""
        return self.logits.shape

    def rows(self, rows: slice) -> Maps:
        """Return the softmax of these rows."""
        z = self.logits.rows(rows)
        take_log_softmax(z.reshape(len(z), -1), np.float32(LEAST_LOG))
        p = np.exp(z, out=z)
        return np.maximum(p, _LEAST, out=p)

    def arrays(self) -> tuple[np.ndarray, ...]:
        """Return what the logits are computed from."""
        return self.logits.arrays()

    def magnitude(self) -> float:
        """Return that of the logits: what is not finite has no softmax."""
        return self.logits.magnitude()

    def brought_to(self, size: tuple[int, int]) -> Rows:
        """Return the probabilities of the logits at that size."""
        return Softmaxed(self.logits.brought_to(size))


@dataclass(frozen=True, eq=False)
class Logarithm(Rows):
    """Logarithms of maps of probabilities, which take the place of logits; that of 0 is `LOG_ZERO`.

    Where the maps cannot be 0, and only their numbers are, they count as the `least` number.
    """

    probabilities: Rows
    least: float = 0.0

    @property
    def shape(self) -> tuple[int, int, int]:
        """Classes, height and width."""
        return self.probabilities.shape

    @property
    def of_probabilities(self) -> bool:
        """They are."""
        return True

    def rows(self, rows: slice) -> Maps:
        """Return the logarithms of these rows."""
        p = np.maximum(self.probabilities.rows(rows), np.float32(self.least)) * _SCALE
        take_logs(p.reshape(-1))
        return p

    def arrays(self) -> tuple[np.ndarray, ...]:
        """Return what the probabilities are computed from."""
        return self.probabilities.arrays()

    def magnitude(self) -> float:
        """Return the magnitude of the least logarithm, if what they are computed from is finite."""
        return -LOG_ZERO if np.isfinite(self.probabilities.magnitude()) else np.nan

    def linear(self) -> Rows:
        """Return the probabilities."""
        return self.probabilities

    def brought_to(self, size: tuple[int, int]) -> Rows:
        """Return the logarithms of the probabilities at that size."""
        return replace(self, probabilities=self.probabilities.brought_to(size))


@dataclass(frozen=True, eq=False)
class ProbabilityMean(Rows):
    """The logarithm of the mean probability of several predictions, whose maps are logits or logarithms already.

    With it come two scores, as `score_maps`.
    """

    members: tuple[Rows, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Classes, height and width."""
        return self.members[0].shape

    @property
    def of_probabilities(self) -> bool:
        """They are."""
        return True

    def rows(self, rows: slice) -> Maps:
        """Return the logarithm of the mean over the members."""
        first, end, _ = rows.indices(self.shape[1])
        mean = np.empty((self.shape[0], end - first, self.shape[2]), np.float32)
        for part, logs in self._blocks(rows):
            mean[:, part.start - first : part.stop - first] = _mean_of(logs)
        return mean

    def arrays(self) -> tuple[np.ndarray, ...]:
        """Return what the members are computed from."""
        return tuple(array for member in self.members for array in member.arrays())

    def magnitude(self) -> float:
        """Return the magnitude of the least logarithm, if what they are computed from is finite."""
        return -LOG_ZERO if all(np.isfinite(member.magnitude()) for member in self.members) else np.nan

    def brought_to(self, size: tuple[int, int]) -> "ProbabilityMean":
        """Return the mean of the members at that size."""
        return ProbabilityMean(tuple(member.brought_to(size) for member in self.members))

    @property
    def score_maps(self) -> ScoreMaps:
        """Minus the mutual information of class and member, and minus the expected entropy, in nats, of some rows."""
        scores = {
            "neg_mutual_information": self._neg_mutual_information,
            "neg_expected_entropy": self._neg_expected_entropy,
        }
        return ScoreMaps(scores, lambda size: self.brought_to(size).score_maps)

    def _neg_expected_entropy(self, rows: slice) -> Float32[np.ndarray, "n w"]:
        return np.concatenate([_mean_neg_entropy(logs) for _, logs in self._blocks(rows)])

    def _neg_mutual_information(self, rows: slice) -> Float32[np.ndarray, "n w"]:
        """Return the entropy that is expected, minus that of the mean: never positive but for rounding."""
        parts = [_neg_entropy(_mean_of(logs)) - _mean_neg_entropy(logs) for _, logs in self._blocks(rows)]
        return np.minimum(np.concatenate(parts), 0)

    def _blocks(self, rows: slice) -> Iterator[tuple[slice, Float32[np.ndarray, "k c n w"]]]:
        """Yield the log probabilities of all members, few rows at a time: together they are many maps."""
        classes, height, width = self.shape
        for part in row_blocks((classes * len(self.members), height, width), rows):
            yield part, np.stack([_log_softmax(member, part) for member in self.members])


def _log_softmax(member: Rows, rows: slice) -> Maps:
    """Return logarithms of probabilities; only of a model that gives probabilities may one be that of 0."""
    z = member.rows(rows)
    least = LOG_ZERO if member.of_probabilities else LEAST_LOG
    take_log_softmax(z.reshape(len(z), -1), np.float32(least))
    return z


def _mean_of(logs: Float32[np.ndarray, "k c n w"]) -> Maps:
    mean = np.empty(logs.shape[1:], np.float32)
    log_mean(logs.reshape(*logs.shape[:2], -1), mean.reshape(len(mean), -1))
    return mean


def _neg_entropy(logs: Maps) -> Float32[np.ndarray, "n w"]:
    result = np.empty(logs.shape[1:], np.float32)
    neg_entropy(logs.reshape(len(logs), -1), result.reshape(-1))
    return result


def _mean_neg_entropy(logs: Float32[np.ndarray, "k c n w"]) -> Float32[np.ndarray, "n w"]:
    return np.asarray(np.mean([_neg_entropy(member) for member in logs], axis=0), np.float32)

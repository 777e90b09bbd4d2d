"""Probabilities of rows of logits, logarithms of rows of probabilities, and the mean of several predictions.

`kernels.reference_rows` defines what is computed. numba is imported with this module: import it where it is used.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from jaxtyping import Float32

from reliseg.kernels.cpu.probabilities import take_logs
from reliseg.stats.probabilities import LOG_ZERO
from reliseg.stats.rows import Rows, row_blocks

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
        p = np.exp(log_softmax(self.logits.rows(rows)))
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
            mean[:, part.start - first : part.stop - first] = _log_mean(logs)
        return mean

    def arrays(self) -> tuple[np.ndarray, ...]:
        """Return what the members are computed from."""
        return tuple(array for member in self.members for array in member.arrays())

    def magnitude(self) -> float:
        """Return the magnitude of the least logarithm, if what they are computed from is finite."""
        return -LOG_ZERO if all(np.isfinite(member.magnitude()) for member in self.members) else np.nan

    def brought_to(self, size: tuple[int, int]) -> Rows:
        """Return the mean of the members at that size."""
        return ProbabilityMean(tuple(member.brought_to(size) for member in self.members))

    @property
    def score_maps(self) -> Mapping[str, "partial[Float32[np.ndarray, 'n w']]"]:
        """Minus the mutual information of class and member, and minus the expected entropy, in nats, of some rows."""
        return MappingProxyType(
            {
                "neg_mutual_information": partial(self._neg_mutual_information),
                "neg_expected_entropy": partial(self._neg_expected_entropy),
            }
        )

    def _neg_expected_entropy(self, rows: slice) -> Float32[np.ndarray, "n w"]:
        return np.concatenate([_neg_entropy(logs).mean(axis=0) for _, logs in self._blocks(rows)])

    def _neg_mutual_information(self, rows: slice) -> Float32[np.ndarray, "n w"]:
        """Return mean over members of sum p log p, minus that of the mean: never positive but for rounding."""
        parts = [_neg_entropy(_log_mean(logs)) - _neg_entropy(logs).mean(axis=0) for _, logs in self._blocks(rows)]
        return np.minimum(np.concatenate(parts), 0)

    def _blocks(self, rows: slice) -> Iterator[tuple[slice, Float32[np.ndarray, "k c n w"]]]:
        """Yield the log probabilities of all members, few rows at a time: together they are many maps."""
        classes, height, width = self.shape
        for part in row_blocks((classes * len(self.members), height, width), rows):
            yield part, np.stack([log_softmax(member.rows(part)) for member in self.members])


def log_softmax(z: Maps) -> Maps:
    """Return logarithms of probabilities, in the place of the logits; at least `LOG_ZERO`."""
    z -= z.max(axis=0)
    z -= np.log(np.exp(z).sum(axis=0))
    return np.maximum(z, np.float32(LOG_ZERO), out=z)


def _log_mean(logs: Float32[np.ndarray, "k c n w"]) -> Maps:
    top = logs.max(axis=0)
    return top + np.log(np.exp(logs - top).mean(axis=0))


def _neg_entropy(logs: Float32[np.ndarray, "*k c n w"]) -> Float32[np.ndarray, "*k n w"]:
    """Return sum p log p, a sum of terms that are not positive."""
    return (np.exp(logs) * logs).sum(axis=-3)

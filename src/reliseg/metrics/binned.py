"""Calibration errors over 15 bins of confidence, with brackets for what float32 may do at the edges of the bins.

A pixel whose confidence lies within rounding of an edge may belong in the next bin. How many do is bounded by what the
fine bins around the edge hold (`stats.rounding`), and by what the two bins beside it hold.
"""

from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

import numpy as np

from reliseg.metrics.cumulative import movement, with_rounding
from reliseg.stats.bins import edges
from reliseg.stats.ranking import Bracketed
from reliseg.types import Float64, Int64

_EDGES = edges()
_INNER = _EDGES[1:-1]
_CHOICES = list(product((False, True), repeat=3))
"""Whether pixels at the lower edge of a bin are in it, those at the upper one, and whether the former leave first."""

Bins: TypeAlias = Int64[np.ndarray, " b"]
Near: TypeAlias = Int64[np.ndarray, "2 k"]


@dataclass(frozen=True, eq=False)
class BinnedErrors:
    """Some pixels by bin of confidence; there is at least one."""

    wrong: Bins
    right: Bins
    confidence: Float64[np.ndarray, " b"]
    """The sum over the pixels of each bin."""
    near: Near
    """Wrong and right pixels near each edge between two bins, at most."""

    @classmethod
    def of(cls, counts: Bins, right: Bins, confidence: Float64[np.ndarray, " b"], near: Near) -> "BinnedErrors":
        """Return the errors of these pixels; of those near an edge, no more than the bins beside it hold."""
        kinds = np.stack([counts - right, right])
        return cls(counts - right, right, confidence, np.minimum(near, kinds[:, :-1] + kinds[:, 1:]))

    def expected(self) -> Bracketed:
        """Return the ECE: the sum over bins of n_b/N |accuracy - mean confidence|.

        It is the way that the cumulative sum of confidence - correctness goes from edge to edge, which a pixel on the
        other side of an edge changes at that edge alone.
        """
        return _expected(self.wrong[None], self.right[None], self.confidence[None], self.near[:, None])[0]

    def largest(self, floor: float = 0.0) -> Bracketed:
        """Return the MCE: the largest |accuracy - mean confidence| of a bin with at least `floor` of all pixels."""
        counts = self.wrong + self.right
        least = max(floor * int(counts.sum()), 1)
        gaps = np.divide(self.right - self.confidence, counts, out=np.zeros(len(counts)), where=counts > 0)
        value = float(np.abs(gaps)[counts >= least].max(initial=0))
        pixels, gap = self._rounded()
        lowest, highest = gap.min(axis=0), gap.max(axis=0)
        far = np.maximum(np.abs(lowest), np.abs(highest))
        far = np.where((pixels == 0).any(axis=0), np.maximum(far, self._of_one_pixel()), far)
        near = np.maximum(0, np.maximum(lowest, -highest))
        may, must = (pixels >= least).any(axis=0), (pixels >= least).all(axis=0)
        return value, *with_rounding(near[must].max(initial=0), far[may].max(initial=0))

    def _of_one_pixel(self) -> Float64[np.ndarray, " b"]:
        """Return the largest gap of each bin where rounding leaves one of its pixels, or puts one into it."""
        around = np.pad(self.near, ((0, 0), (1, 1)))
        wrong, right = np.stack([self.wrong, self.right]) + around[:, :-1] + around[:, 1:] > 0
        return np.maximum(wrong * _EDGES[1:], right * (1 - _EDGES[:-1]))

    def _rounded(self) -> tuple[Int64[np.ndarray, "s b"], Float64[np.ndarray, "s b"]]:
        """Return pixels and accuracy - mean confidence of each bin, with all pixels near its edges in it or out of it.

        The gap grows or falls with the number of pixels of each kind near each edge: it is extreme at such a choice.
        """
        (wrong, of_wrong), (right, of_right) = (self._choices(kind) for kind in range(2))
        pixels = (wrong[:, None] + right).reshape(-1, len(self.wrong))
        confidence = self.confidence + (of_wrong[:, None] + of_right).reshape(pixels.shape)
        hits = (right + np.zeros_like(wrong)[:, None]).reshape(pixels.shape)
        return pixels, np.divide(hits - confidence, pixels, out=np.zeros(pixels.shape), where=pixels > 0)

    def _choices(self, kind: int) -> tuple[Int64[np.ndarray, "c b"], Float64[np.ndarray, "c b"]]:
        """Return the pixels of one kind (wrong, right) in each bin, and the change of confidence, for all choices."""
        here, none = (self.wrong, self.right)[kind], np.zeros(1, np.int64)
        lower, upper = np.append(none, self.near[kind]), np.append(self.near[kind], none)
        below, above = np.append(none, here[:-1]), np.append(here[1:], none)
        changes = []
        for lower_in, upper_in, lower_first in _CHOICES:
            leave_low = np.minimum(lower, here if lower_first or upper_in else np.maximum(here - upper, 0))
            leave_up = np.minimum(upper, here if lower_in else here - leave_low)
            low = np.minimum(lower, below) if lower_in else -leave_low
            up = np.minimum(upper, above) if upper_in else -leave_up
            changes.append((here + low + up, low * _EDGES[:-1] + up * _EDGES[1:]))
        pixels, confidence = zip(*changes, strict=True)
        return np.stack(pixels), np.stack(confidence)


def expected_errors(
    counts: Int64[np.ndarray, "c b"],
    right: Int64[np.ndarray, "c b"],
    confidence: Float64[np.ndarray, "c b"],
    near: Near,
) -> list[Bracketed]:
    """Return `BinnedErrors.expected` of each row of bins, each of which has a pixel; `near` are those of all rows."""
    kinds = np.stack([counts - right, right])
    return _expected(kinds[0], kinds[1], confidence, np.minimum(near[:, None], kinds[..., :-1] + kinds[..., 1:]))


def _expected(
    wrong: Int64[np.ndarray, "c b"],
    right: Int64[np.ndarray, "c b"],
    confidence: Float64[np.ndarray, "c b"],
    near: Int64[np.ndarray, "2 c k"],
) -> list[Bracketed]:
    """Return the ECE of each row: see `BinnedErrors.expected`."""
    gaps, pixels = confidence - right, (wrong + right).sum(axis=1).tolist()
    path = np.pad(np.cumsum(gaps, axis=1), ((0, 0), (1, 0)))
    slack = np.pad(near[0] * _INNER + near[1] * (1 - _INNER), ((0, 0), (1, 1)))
    found = []
    for n, value, low, high in zip(pixels, np.abs(gaps).sum(axis=1).tolist(), path - slack, path + slack, strict=True):
        lo, hi = movement(low, high)
        found.append((value / n, *with_rounding(lo / n, hi / n)))
    return found

"""Calibration without equal-width bins: adaptive ECE and the Kolmogorov-Smirnov error."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from reliseg.metrics.base import NO_PIXELS, DomainState, Metric, Quantity, undefined_values
from reliseg.metrics.cumulative import CumulativePath
from reliseg.results import Value
from reliseg.stats.bins import RELIABILITY_BINS
from reliseg.stats.ranking import Bracketed

_QUANTITIES = {
    "ada_ece": Quantity(
        "ada-ece/15/equal-count/ties-to-first",
        "ECE over 15 bins with equal numbers of pixels; pixels of equal confidence go to the bin of the first of them",
        "lower",
        0,
        1,
    ),
    "ada_ece_bins": Quantity(
        "ada-ece/15/equal-count/ties-to-first/bins", "number of bins of `ada_ece` that hold pixels", "neither", 1, 15
    ),
    "ks": Quantity(
        "ks/distinct-confidences",
        "largest |cumulative sum of confidence - correctness| / N, with pixels ordered by rising confidence",
        "lower",
        0,
        1,
    ),
}


@dataclass(frozen=True)
class CumulativeError(Metric):
    """Adaptive ECE (Nixon et al. 2019) and the KS error (Gupta et al., ICLR 2021) of the top label.

    Both are computed from the cumulative sum of (confidence - correctness), with pixels ordered by rising confidence.
    """

    def quantities(self) -> Mapping[str, Quantity]:
        """Return the numbers that it gives, by name."""
        return _QUANTITIES

    def compute(self, domain: DomainState, reference: DomainState | None) -> list[Value]:
        """Return the values; undefined without known pixels."""
        if not domain.pixels.top.counts.sum():
            return undefined_values(_QUANTITIES, NO_PIXELS, score="msp")
        path = CumulativePath.of(domain)
        brackets = {
            "ada_ece": path.movement(_boundaries(path.pixels)),
            "ada_ece_bins": _group_count(path),
            "ks": path.largest(),
        }
        return [Value.between(m, brackets[m], q.definition, score="msp") for m, q in _QUANTITIES.items()]


def _sizes(n: int) -> Int64[np.ndarray, " k"]:
    """Return the number of pixels in each group, as numpy.array_split forms them."""
    quotient, rest = divmod(n, RELIABILITY_BINS)
    return quotient + (np.arange(RELIABILITY_BINS) < rest)


def _boundaries(n: int) -> Int64[np.ndarray, " k"]:
    """Return the number of pixels before each boundary of groups.

    A tie goes to the group of its first pixel: it is read at its end.
    """
    return np.concatenate([[0], np.cumsum(_sizes(n))])


def _group_count(path: CumulativePath) -> Bracketed:
    """Return the number of groups that hold pixels.

    The bracket starts where bins are one tie that rounding may have parted, and ends where no bin holds a tie.
    """
    whole = np.append(0, np.flatnonzero(~path.tied[:-1]) + 1)
    groups, least = _groups(path.counts), _groups(np.add.reduceat(path.counts, whole))
    return groups, least, min(path.pixels, RELIABILITY_BINS)


def _groups(counts: Int64[np.ndarray, " b"]) -> int:
    """Return how many groups the first pixels of these ties lie in."""
    first = np.cumsum(counts) - counts
    return len(np.unique(np.searchsorted(np.cumsum(_sizes(int(counts.sum()))), first, side="right")))

"""Calibration without equal-width bins: adaptive ECE and the Kolmogorov-Smirnov error."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reliseg.metrics.base import NO_PIXELS, DomainState, Metric, Quantity, undefined_values
from reliseg.metrics.cumulative import CumulativePath
from reliseg.metrics.many import ratio
from reliseg.metrics.replicates import Replicates, replicates_of
from reliseg.metrics.units import Rows, Units
from reliseg.results import Value
from reliseg.stats.bins import COARSE_BINS, COARSE_SHIFT, RELIABILITY_BINS, RIGHT, WRONG
from reliseg.stats.filled.bins import FilledBins
from reliseg.stats.fixed import real, taken
from reliseg.stats.ranking import Bracketed
from reliseg.types import Float64, Int64

_QUANTITIES = {
    "ada_ece": Quantity(
        "ada-ece/15/equal-count/ties-to-first",
        "ECE over 15 bins with equal numbers of pixels; pixels of equal confidence go to the bin of the first of them",
        "lower",
        0,
        1,
        link="log",
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
        link="log",
    ),
}


@dataclass(frozen=True)
class CumulativeError(Metric):
    """Adaptive ECE (Nixon et al. 2019) and the KS error (Gupta et al., ICLR 2021) of the top label.

    Both are computed from the cumulative sum of (confidence - correctness), with pixels ordered by rising confidence.
    """

    without_interval: ClassVar[str] = "it says how many bins were used, and nothing of the model"

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

    def replicates(self, domain: DomainState, reference: DomainState | None) -> Iterator[Replicates]:
        """Yield its errors without each unit."""
        if domain.units is not None and domain.units.total.known.any():
            means = _mean_confidences(domain, domain.units)
            yield from replicates_of(lambda rows: _numbers(rows, means), domain.units, score="msp")


def _mean_confidences(domain: DomainState, units: Units) -> Float64[np.ndarray, " k"]:
    """Return the mean confidence of the domain's pixels in each coarse bin: no sums are kept for each unit."""
    filled, means = domain.filled("msp"), np.zeros(COARSE_BINS)
    coarse = filled.places >> COARSE_SHIFT
    first = np.flatnonzero(np.diff(coarse, prepend=-1))
    sums = real(np.add.reduceat(taken(domain.pixels.confidence.sums, filled.places), first))
    means[coarse[first]] = np.nan_to_num(ratio(sums, np.add.reduceat(_known(filled), first)))
    return means[units.coarse_bins["msp"]]


def _known(filled: FilledBins) -> Int64[np.ndarray, " b"]:
    return filled.counts[[WRONG, RIGHT]].sum(axis=0)


def _numbers(rows: Rows, means: Float64[np.ndarray, " k"]) -> dict[str, Float64[np.ndarray, " m"]]:
    """Return both errors of sums; inside a coarse bin the path is straight."""
    from reliseg.stats.filled.many import read_lines  # numba is slow to import

    counts = rows.ranks["msp"][:, :, ::-1]  # rising confidence
    known = counts[:, WRONG] + counts[:, RIGHT]
    n = known.sum(axis=1)
    path, reached = _from_zero(known * means[::-1] - counts[:, RIGHT]), _from_zero(known)
    places = n[:, None] * np.arange(RELIABILITY_BINS + 1) / RELIABILITY_BINS
    read = read_lines(places, reached, path)
    return {"ada_ece": ratio(np.abs(np.diff(read, axis=1)).sum(axis=1), n), "ks": ratio(np.abs(path).max(axis=1), n)}


def _from_zero(steps: Float64[np.ndarray, "m k"]) -> Float64[np.ndarray, "m k+1"]:
    """Return where each line's steps lead, from 0 on."""
    sums = np.zeros((len(steps), steps.shape[1] + 1))
    np.cumsum(steps, axis=1, out=sums[:, 1:])
    return sums


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
    """Return the number of groups that hold pixels: those that the first pixels of ties lie in.

    The bracket starts where bins are one tie that rounding may have parted, and ends where no bin holds a tie.
    """
    first = np.cumsum(path.counts) - path.counts  # pixels before each tie
    whole = np.append(0, np.flatnonzero(~path.tied[:-1]) + 1)
    bounds = _boundaries(path.pixels)
    groups, least = (int((np.diff(np.searchsorted(ties, bounds)) > 0).sum()) for ties in (first, first[whole]))
    return groups, least, min(path.pixels, RELIABILITY_BINS)

"""Calibration without equal-width bins: adaptive ECE and the Kolmogorov-Smirnov error."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Float64, Int64

from reliseg.metrics.base import NO_PIXELS, DomainState, Metric, Quantity
from reliseg.results import Value
from reliseg.stats.bins import RELIABILITY_BINS, RIGHT, WRONG, msp_edges
from reliseg.stats.fixed import real
from reliseg.stats.ranking import Bracketed

_QUANTITIES = {
    "ada_ece": Quantity(
        "ada-ece/15/equal-count/ties-to-first",
        "ECE over 15 bins of equal count; a tie across a boundary goes whole to the bin of its first pixel",
        "lower",
        0,
        1,
    ),
    "ada_ece_bins": Quantity(
        "ada-ece/15/equal-count/ties-to-first/bins", "number of its bins that hold pixels", "neither", 1, 15
    ),
    "ks": Quantity(
        "ks/distinct-confidences",
        "largest |cumulative sum of confidence - correctness| / N, by ascending confidence",
        "lower",
        0,
        1,
    ),
}

Line: TypeAlias = Float64[np.ndarray, " b"]


@dataclass(frozen=True)
class CumulativeError(Metric):
    """Adaptive ECE (Nixon et al. 2019) and the KS error (Gupta et al., ICLR 2021) of the top label.

    Both are read off the cumulative sum of (confidence - correctness) by ascending confidence. Its values at the
    edges of fine bins are exact; what may happen inside a bin makes the bracket.
    """

    def quantities(self) -> Mapping[str, Quantity]:
        """The names it yields."""
        return _QUANTITIES

    def compute(self, domain: DomainState, reference: DomainState | None) -> list[Value]:
        """The values; undefined without known pixels."""
        if not domain.pixels.top.counts.sum():
            return [Value.undefined(m, NO_PIXELS, q.definition, score="msp") for m, q in _QUANTITIES.items()]
        path = _Path.of(domain)
        bins, used = _adaptive(path)
        values = [
            Value.between("ada_ece", bins, _QUANTITIES["ada_ece"].definition, score="msp"),
            Value.between("ada_ece_bins", used, _QUANTITIES["ada_ece_bins"].definition, score="msp"),
            Value.between("ks", _kolmogorov_smirnov(path), _QUANTITIES["ks"].definition, score="msp"),
        ]
        return values


@dataclass(frozen=True, eq=False)
class _Path:
    """The cumulative sum over the filled fine bins, ascending in confidence; in units of pixels.

    Inside bin b it stays within [start - down, start + up], whatever the order of the pixels: a wrong pixel adds
    its confidence, a right one takes away one minus it.
    """

    counts: Int64[np.ndarray, " b"]
    start: Line
    end: Line
    up: Line
    down: Line

    @classmethod
    def of(cls, domain: DomainState) -> "_Path":
        counts = _msp_counts(domain)[:, ::-1]
        filled = (counts[WRONG] + counts[RIGHT]) > 0
        sums = real(domain.pixels.confidence.sums)[::-1][filled]
        surest = msp_edges()[:-1][::-1][filled]
        least_sure = msp_edges()[1:][::-1][filled]
        wrong, right = counts[WRONG][filled], counts[RIGHT][filled]
        end = np.cumsum(sums - right)
        start = np.concatenate([[0.0], end[:-1]])
        return cls(wrong + right, start, end, wrong * surest, right * (1 - least_sure))


def _msp_counts(domain: DomainState) -> Int64[np.ndarray, "4 b"]:
    return domain.pixels.ranks["msp"].counts


def _kolmogorov_smirnov(path: _Path) -> Bracketed:
    n = path.counts.sum()
    value = np.abs(path.end).max() / n
    reach = np.maximum(np.abs(path.start + path.up), np.abs(path.start - path.down)).max() / n
    return value, value, max(value, reach)


def _adaptive(path: _Path) -> tuple[Bracketed, Bracketed]:
    """Adaptive ECE and the number of groups that hold pixels; without ties inside the bins all groups would."""
    n = int(path.counts.sum())
    last = np.cumsum(path.counts)
    quotient, rest = divmod(n, RELIABILITY_BINS)
    sizes = quotient + (np.arange(RELIABILITY_BINS) < rest)
    boundaries = np.cumsum(sizes)[:-1]
    # The bin that holds the last pixel before a boundary. A tie goes to the group of its first pixel, so the
    # cumulative sum at the boundary is read at that bin's end; with no pixel before it, at 0.
    at = np.searchsorted(last, boundaries, side="left")
    inside = (last[at] != boundaries) & (boundaries > 0)
    read = np.where(boundaries > 0, path.end[at], 0.0)
    low = np.where(inside, path.start[at] - path.down[at], read)
    high = np.where(inside, path.start[at] + path.up[at], read)
    ends = np.concatenate([read, path.end[-1:]])
    value = np.abs(np.diff(ends, prepend=0.0)).sum()
    starts_of_bins = np.unique(np.searchsorted(np.cumsum(sizes), last - path.counts, side="right"))
    used = len(starts_of_bins), len(starts_of_bins), min(n, RELIABILITY_BINS)
    final = path.end[-1]
    longest = min(_longest(low, high, final), float((path.up + path.down).sum()))  # no path moves more
    return (value / n, _shortest(low, high, final) / n, longest / n), used


def _shortest(low: Line, high: Line, final: float) -> float:
    """Least total movement of a path from 0 through the intervals to `final`: move only when forced."""
    place, moved = 0.0, 0.0
    for a, b in zip([*low, final], [*high, final], strict=True):
        nearest = min(max(place, a), b)
        moved += abs(nearest - place)
        place = nearest
    return moved


def _longest(low: Line, high: Line, final: float) -> float:
    """Greatest total movement: it is reached at ends of the intervals."""
    best = {0.0: 0.0}
    for a, b in zip([*low, final], [*high, final], strict=True):
        best = {end: max(m + abs(end - place) for place, m in best.items()) for end in (a, b)}
    return max(best.values())

"""A threshold of confidence that is chosen on one histogram and applied to another."""

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float64, Int64

from reliseg.stats.ranking import Bracketed, Histogram
from reliseg.stats.rounding import pixels_near_edges

Bins: TypeAlias = Int64[np.ndarray, " m"]


def _no_bins() -> Bins:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class Threshold:
    """Pixels of the bins `0 .. last` are accepted, the most confident bin first.

    `possible` are the bins in which the threshold may lie if the order of pixels is known: `last`, less sure ones, and
    surer ones where rounding at an edge decides.
    """

    last: int | None = None
    possible: Bins = field(default_factory=_no_bins)
    why: str = ""

    @classmethod
    def at_accuracy(cls, right: Histogram, wrong: Histogram, percent: int = 95) -> "Threshold":
        """Return the lowest threshold with `percent` % right pixels among the accepted ones: it accepts the most.

        It is the confidence of a pixel, so it lies in a filled bin. Whole bins reach `last`.
        """
        r, w = np.cumsum(right), np.cumsum(wrong)
        filled = np.flatnonzero(right + wrong)
        whole = filled[100 * r[filled] >= percent * (r + w)[filled]]
        if not len(whole):
            return cls(why=f"no confidence gives {percent} % accuracy on the calibration split")
        last = int(whole[-1])
        possible = filled[_may_reach(right, wrong, filled, percent)]
        first = min(last, _surest(right, wrong, percent))
        return cls(last, np.union1d(possible[possible >= first], [last]).astype(np.int64))

    def coverage(self, right: Histogram, wrong: Histogram) -> Bracketed:
        """Return the share of these pixels that is accepted: (value, lo, hi)."""
        here = right + wrong
        n, total, m = np.cumsum(here), int(here.sum()), self.possible[[0, -1]]
        up, down = (a + b for a, b in zip(_moved(right, m), _moved(wrong, m), strict=True))
        least, most = (n[m] - here[m] - down)[0], (n[m] + up)[1]
        return int(n[self.last]) / total, int(least) / total, int(most) / total

    def risk(self, right: Histogram, wrong: Histogram) -> Bracketed:
        """Return the error rate of the accepted ones of these pixels: (value, lo, hi); NaN where none is accepted.

        The threshold lies in one of the bins `m` of `possible`. All more confident bins are accepted,
        and of `m` any part; rounding at the edges of `m` may let in or keep out a few more.
        """
        m, r, w = self.possible, np.cumsum(right), np.cumsum(wrong)
        if not r[self.last] + w[self.last]:
            return np.nan, np.nan, np.nan
        (right_up, right_down), (wrong_up, wrong_down) = _moved(right, m), _moved(wrong, m)
        # without any more confident pixel, a part that has only wrong or only right ones has one rate
        least = _rates((w - wrong)[m] - wrong_down, r[m] + right_up, of_none=1)
        most = _rates(w[m] + wrong_up, (r - right)[m] - right_down, of_none=0)
        return int(w[self.last]) / int(r[self.last] + w[self.last]), least.min(), most.max()


def _moved(counts: Histogram, m: Bins) -> tuple[Bins, Bins]:
    """Return how many pixels after each of these bins may be surer than some of it, and how many before less sure."""
    return pixels_near_edges(counts, m + 1)[0], pixels_near_edges(counts, m - 1)[1]


def _may_reach(right: Histogram, wrong: Histogram, m: Bins, percent: int) -> Bool[np.ndarray, " m"]:
    """Tell for each of these bins whether the accuracy down to some pixel of it may be enough.

    The share is greatest after all right pixels of the bin and none of its wrong ones, or after one wrong one where it
    has no others.
    """
    r = np.cumsum(right)[m] + _moved(right, m)[0]
    w = (np.cumsum(wrong) - wrong)[m] - _moved(wrong, m)[1] + (right[m] == 0)
    return 100 * r >= percent * (r + w)


def _surest(right: Histogram, wrong: Histogram, percent: int) -> int:
    """Return the first bin in which the threshold may lie.

    Down to the least sure pixel of the last such bin, accuracy is enough whichever pixels after it are surer than that
    one. It may be one of the bin before, where all pixels of the bin may be surer than some of that.
    """
    filled = np.flatnonzero(right + wrong)
    r, w = np.cumsum(right)[filled], np.cumsum(wrong)[filled] + _moved(wrong, filled)[0]
    enough = filled[100 * r >= percent * (r + w)]
    if not len(enough):
        return int(filled[0])
    last = enough[-1:]
    up = pixels_near_edges(right, last)[0] + pixels_near_edges(wrong, last)[0]
    before = _moved(right, last)[1] + _moved(wrong, last)[1]
    rises = up[0] == (right + wrong)[last[0]] and before[0] > 0
    return int(last[0]) - int(rises)


def _rates(
    wrong: Int64[np.ndarray, " m"], right: Int64[np.ndarray, " m"], *, of_none: float
) -> Float64[np.ndarray, " m"]:
    n = wrong + right
    return np.divide(wrong, n, out=np.full(len(n), float(of_none)), where=n > 0)

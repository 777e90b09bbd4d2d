"""A threshold of confidence that is chosen on one histogram and applied to another."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64, Int64

from reliseg.stats.ranking import Bracketed, Histogram


def _no_bins() -> Int64[np.ndarray, " m"]:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class Threshold:
    """Pixels of the bins `0 .. last` are accepted, the most confident bin first.

    `possible` are the bins in which the threshold may lie if the order of pixels inside bins is known: `last`, and
    less sure ones. Without `last` there is no threshold, and `why` gives the reason.
    """

    last: int | None = None
    possible: Int64[np.ndarray, " m"] = field(default_factory=_no_bins)
    why: str = ""

    @classmethod
    def at_accuracy(cls, right: Histogram, wrong: Histogram, percent: int = 95) -> "Threshold":
        """Return the lowest threshold with `percent` % right pixels among the accepted ones: it accepts the most.

        It is the confidence of a pixel, so it lies in a filled bin. Whole bins reach `last`. Inside a later bin the
        share is greatest after all its right pixels and none of its wrong ones, or after one wrong one where it has
        no others; if that is enough, the bin is possible.
        """
        r, w = np.cumsum(right), np.cumsum(wrong)
        filled = right + wrong > 0
        whole = np.flatnonzero((100 * r >= percent * (r + w)) & filled)
        if not len(whole):
            return cls(why=f"no confidence gives {percent} % accuracy on the calibration split")
        last = int(whole[-1])
        partly = np.flatnonzero((100 * r >= percent * (r + w - wrong + (right == 0))) & filled)
        return cls(last, np.concatenate([whole[-1:], partly[partly > last]]))

    def coverage(self, right: Histogram, wrong: Histogram) -> Bracketed:
        """Return the share of these pixels that is accepted: (value, lo, hi)."""
        n = np.cumsum(right + wrong)
        least = int(n[self.last]) - int(right[self.last]) - int(wrong[self.last])
        total = int(n[-1])
        return int(n[self.last]) / total, least / total, int(n[self.possible[-1]]) / total

    def risk(self, right: Histogram, wrong: Histogram) -> Bracketed:
        """Return the error rate of the accepted ones of these pixels: (value, lo, hi); NaN where none is accepted.

        The threshold lies in one of the bins `m` of `possible`. All more confident bins are accepted,
        and of `m` any part.
        """
        m, r, w = self.possible, np.cumsum(right), np.cumsum(wrong)
        if not r[self.last] + w[self.last]:
            return np.nan, np.nan, np.nan
        surer_r, surer_w = (r - right)[m], (w - wrong)[m]
        # without any more confident pixel, a part that has only wrong or only right ones has one rate
        least = _rates(surer_w, surer_r + right[m], of_none=1)
        most = _rates(surer_w + wrong[m], surer_r, of_none=0)
        return int(w[self.last]) / int(r[self.last] + w[self.last]), least.min(), most.max()


def _rates(
    wrong: Int64[np.ndarray, " m"], right: Int64[np.ndarray, " m"], *, of_none: float
) -> Float64[np.ndarray, " m"]:
    n = wrong + right
    return np.divide(wrong, n, out=np.full(len(n), float(of_none)), where=n > 0)

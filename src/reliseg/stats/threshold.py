"""A threshold of confidence that is chosen on one histogram and applied to another."""

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from reliseg.stats.filled.bins import FilledPair
from reliseg.stats.ranking import Bracketed, Histogram
from reliseg.stats.rounding import near_an_edge
from reliseg.types import Bool, Float64, Int64

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
        return cls.of_pair(FilledPair.of(right, wrong), percent)

    @classmethod
    def of_pair(cls, split: FilledPair, percent: int = 95) -> "Threshold":
        """Return the same of right and wrong pixels by filled bin."""
        filled, (r, w) = split.places, split.reached
        whole = filled[100 * r >= percent * (r + w)]
        if not len(whole):
            return cls(why=f"no confidence gives {percent} % accuracy on the calibration split")
        last = int(whole[-1])
        possible = filled[_may_reach(split, percent)]
        first = min(last, _surest(split, percent))
        return cls(last, np.union1d(possible[possible >= first], [last]).astype(np.int64))

    def coverage(self, tested: FilledPair) -> Bracketed:
        """Return the share of these right and wrong pixels that is accepted: (value, lo, hi)."""
        m = self.possible[[0, -1]]
        n, total = tested.up_to(m).sum(axis=0), int(tested.reached[:, -1].sum())
        up, down = (moved.sum(axis=0) for moved in _moved(tested, m))
        least, most = n[0] - tested.at(m).sum(axis=0)[0] - down[0], n[1] + up[1]
        return int(self._accepted(tested).sum()) / total, int(least) / total, int(most) / total

    def risk(self, tested: FilledPair) -> Bracketed:
        """Return the error rate of the accepted ones of these pixels: (value, lo, hi); NaN where none is accepted.

        The threshold lies in one of the bins `m` of `possible`. All more confident bins are accepted,
        and of `m` any part; rounding at the edges of `m` may let in or keep out a few more.
        """
        m = self.possible
        right, wrong = self._accepted(tested).tolist()
        if not right + wrong:
            return np.nan, np.nan, np.nan
        (r, w), here, (up, down) = tested.up_to(m), tested.at(m), _moved(tested, m)
        # without any more confident pixel, a part that has only wrong or only right ones has one rate
        least = _rates(w - here[1] - down[1], r + up[0], of_none=1)
        most = _rates(w + up[1], r - here[0] - down[0], of_none=0)
        return wrong / (right + wrong), least.min(), most.max()

    def _accepted(self, tested: FilledPair) -> Int64[np.ndarray, " 2"]:
        """Return how many right and wrong pixels are in the bins up to the last one."""
        return tested.up_to(np.array([self.last], np.int64))[:, 0]


def _moved(pair: FilledPair, m: Bins) -> tuple[Int64[np.ndarray, "2 m"], Int64[np.ndarray, "2 m"]]:
    """Return how many pixels after each of these bins may be surer than some of it, and how many before less sure."""
    after, before = (near_an_edge(pair.at(m + step), pair.at(m + 2 * step)) for step in (1, -1))
    return after, before


def _moved_of_filled(pair: FilledPair) -> tuple[Int64[np.ndarray, "2 b"], Int64[np.ndarray, "2 b"]]:
    """Return the same for all filled bins."""
    (up, down), none, touching = pair.near, np.zeros((2, 1), np.int64), pair.touching
    after = np.concatenate([up[:, 1:], none], axis=1) * touching
    return after, np.concatenate([none, (down * touching)[:, :-1]], axis=1)


def _may_reach(split: FilledPair, percent: int) -> Bool[np.ndarray, " b"]:
    """Tell for each filled bin whether the accuracy down to some pixel of it may be enough.

    The share is greatest after all right pixels of the bin and none of its wrong ones, or after one wrong one where it
    has no others.
    """
    after, before = _moved_of_filled(split)
    r = split.reached[0] + after[0]
    w = split.reached[1] - split.second - before[1] + (split.first == 0)
    return np.asarray(100 * r >= percent * (r + w))


def _surest(split: FilledPair, percent: int) -> int:
    """Return the first bin in which the threshold may lie.

    Down to the least sure pixel of the last such bin, accuracy is enough whichever pixels after it are surer than that
    one. It may be one of the bin before, where all pixels of the bin may be surer than some of that.
    """
    after, before = _moved_of_filled(split)
    r, w = split.reached[0], split.reached[1] + after[1]
    enough = np.flatnonzero(100 * r >= percent * (r + w))
    if not len(enough):
        return int(split.places[0])
    last = enough[-1]
    rises = split.near[0][:, last].sum() == split.first[last] + split.second[last] and before[:, last].sum() > 0
    return int(split.places[last]) - int(rises)


def _rates(
    wrong: Int64[np.ndarray, " m"], right: Int64[np.ndarray, " m"], *, of_none: float
) -> Float64[np.ndarray, " m"]:
    n = wrong + right
    return np.divide(wrong, n, out=np.full(len(n), float(of_none)), where=n > 0)

"""The cumulative sum of (confidence - correctness) by ascending confidence, from which adaptive ECE and KS are read.

Its values at the edges of fine bins are known. The order of pixels inside a bin is not: it gives the bracket, together
with what rounding may do at an edge.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from reliseg.metrics.base import DomainState
from reliseg.stats.bins import RIGHT, WRONG
from reliseg.stats.built_in_scores import msp_edges
from reliseg.stats.fixed import real, taken
from reliseg.stats.ranking import Bracketed
from reliseg.stats.rounding import ROUNDING, pixels_near_edges
from reliseg.types import Bool, Float64, Int64

Line: TypeAlias = Float64[np.ndarray, " b"]
Places: TypeAlias = Int64[np.ndarray, " k"]


@dataclass(frozen=True, eq=False)
class CumulativePath:
    """The cumulative sum over the filled fine bins, ascending in confidence; in units of pixels.

    Inside bin b it stays within [start - down, start + up], whatever the order of the pixels: a wrong pixel adds
    its confidence, a right one takes away one minus it. Pixels that may belong on the other side of the edge at the end
    of b move the path there by `blur` at most.
    """

    counts: Int64[np.ndarray, " b"]
    start: Line
    end: Line
    up: Line
    down: Line
    blur: Line
    tied: Bool[np.ndarray, " b"]
    """Whether all pixels of a bin and of the next one may have one confidence, but for rounding."""

    @classmethod
    def of(cls, domain: DomainState) -> "CumulativePath":
        """Return the path of the known pixels."""
        from reliseg.stats.filled.paths import exchanges  # numba is slow to import

        pair, edges = domain.filled("msp").pair([WRONG], [RIGHT]), msp_edges()
        at_edge = edges[pair.places]
        blur, tied = exchanges(pair.places, pair.first, pair.second, at_edge)
        sums = real(taken(domain.pixels.confidence.sums, pair.places))
        known = np.stack([pair.first, pair.second])
        return cls.rising(known, sums, (at_edge, edges[pair.places + 1]), blur, tied)

    @classmethod
    def with_ties(cls, domain: DomainState, ties: Places) -> "CumulativePath":
        """Return the path of the known pixels where bins count as one.

        `ties` are the first bins of runs of bins that do, most confident run first.
        """
        counts, sums, edges = domain.pixels.ranks["msp"].counts, real(domain.pixels.confidence.sums), msp_edges()
        known = counts[[WRONG, RIGHT]]
        first, last = pixels_near_edges(known)  # those that may belong before a bin, and after it
        first, last = first[:, ties], last[:, np.append(ties[1:], len(sums)) - 1]
        known, sums = np.add.reduceat(known, ties, axis=1), np.add.reduceat(sums, ties)
        edges = np.append(edges[ties], edges[-1])
        exchanged = last[:, :-1] + first[:, 1:]
        exchanged *= last[:, :-1].any(axis=0) & first[:, 1:].any(axis=0)
        blur = np.append(0.0, exchanged[0] * edges[1:-1] + exchanged[1] * (1 - edges[1:-1]))
        stay = (known - last)[:, :-1].sum(axis=0) + (known - first)[:, 1:].sum(axis=0)
        tied = np.append(False, (stay == 0) & (blur[1:] > 0))
        filled = known.sum(axis=0) > 0
        bounds = edges[:-1][filled], edges[1:][filled]
        return cls.rising(known[:, filled], sums[filled], bounds, blur[filled], tied[filled])

    @classmethod
    def rising(
        cls,
        known: Int64[np.ndarray, "2 b"],
        sums: Line,
        bounds: tuple[Line, Line],
        blur: Line,
        tied: Bool[np.ndarray, " b"],
    ) -> "CumulativePath":
        """Return the path through filled bins that come the most confident first, between these confidences."""
        (wrong, right), total = known[:, ::-1], sums[::-1]
        surest, least_sure = (line[::-1] for line in bounds)
        end = np.cumsum(total - right)
        start = np.concatenate([[0.0], end[:-1]])
        up, down = wrong * surest, right * (1 - least_sure)
        return cls(wrong + right, start, end, up, down, blur[::-1], tied[::-1])

    @property
    def pixels(self) -> int:
        """The number of pixels."""
        return int(self.counts.sum())

    def after(self, pixels: Places) -> tuple[Line, Line, Line]:
        """Return the sum after so many pixels, with ties read at their ends, and its bounds."""
        last = np.cumsum(self.counts)
        at = np.searchsorted(last, pixels, side="left")
        inside = last[at] != pixels
        around = self._blur_before[at] + self.blur[at]
        read = np.where(pixels > 0, self.end[at], 0.0)
        low = np.where(inside, self.start[at] - self.down[at] - around, read - self.blur[at])
        high = np.where(inside, self.start[at] + self.up[at] + around, read + self.blur[at])
        return read, np.where(pixels > 0, low, 0.0), np.where(pixels > 0, high, 0.0)

    def movement(self, pixels: Places) -> Bracketed:
        """Return the total distance between the sums after so many pixels, divided by the number of all pixels."""
        read, low, high = self.after(pixels)
        possible = float((self.up + self.down).sum())  # no path moves more
        lo, hi = movement(low, high)
        n = self.pixels
        return float(np.abs(np.diff(read)).sum()) / n, *with_rounding(lo / n, min(hi, possible) / n)

    def largest(self) -> Bracketed:
        """Return the KS error: the largest distance from 0 at the ends of ties, divided by the number of pixels."""
        n = self.pixels
        least = max(0.0, (np.abs(self.end) - self.blur).max())
        around = self._blur_before + self.blur
        reach = (np.maximum(np.abs(self.start + self.up), np.abs(self.start - self.down)) + around).max()
        return np.abs(self.end).max() / n, *with_rounding(least / n, reach / n)

    @property
    def _blur_before(self) -> Line:
        """The blur at the start of each bin."""
        return np.concatenate([[0.0], self.blur[:-1]])


def with_rounding(lo: float, hi: float) -> tuple[float, float]:
    """Return the bounds of an error in [0, 1] after the rounding of confidences."""
    return max(0.0, lo - ROUNDING), min(1.0, hi + ROUNDING)


def movement(low: Line, high: Line) -> tuple[float, float]:
    """Return the least and the greatest total movement of a path through intervals, in order."""
    from reliseg.stats.filled.paths import extreme_movement  # numba is slow to import

    return extreme_movement(low, high, False), extreme_movement(low, high, True)

"""The cumulative sum of (confidence - correctness) by ascending confidence, from which adaptive ECE and KS are read.

Its values at the edges of fine bins are exact. The order of pixels inside a bin is unknown: it gives the bracket.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Float64, Int64

from reliseg.metrics.base import DomainState
from reliseg.stats.bins import RIGHT, WRONG
from reliseg.stats.built_in_scores import msp_edges
from reliseg.stats.fixed import real
from reliseg.stats.ranking import Bracketed

Line: TypeAlias = Float64[np.ndarray, " b"]
Places: TypeAlias = Int64[np.ndarray, " k"]


@dataclass(frozen=True, eq=False)
class CumulativePath:
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
    def of(cls, domain: DomainState, ties: Places | None = None) -> "CumulativePath":
        """Return the path of the known pixels.

        `ties` are the first bins of runs of bins that count as one bin each, most confident run first.
        """
        counts, sums, edges = domain.pixels.ranks["msp"].counts, real(domain.pixels.confidence.sums), msp_edges()
        if ties is not None:
            counts, sums = np.add.reduceat(counts, ties, axis=1), np.add.reduceat(sums, ties)
            edges = np.append(edges[ties], edges[-1])
        filled = ((counts[WRONG] + counts[RIGHT]) > 0)[::-1]
        wrong, right, total = (a[::-1][filled] for a in (counts[WRONG], counts[RIGHT], sums))
        surest, least_sure = edges[:-1][::-1][filled], edges[1:][::-1][filled]
        end = np.cumsum(total - right)
        start = np.concatenate([[0.0], end[:-1]])
        return cls(wrong + right, start, end, wrong * surest, right * (1 - least_sure))

    @property
    def pixels(self) -> int:
        """The number of pixels."""
        return int(self.counts.sum())

    def after(self, pixels: Places) -> tuple[Line, Line, Line]:
        """Return the sum after so many pixels, with ties read at their ends, and its bounds inside a tie."""
        last = np.cumsum(self.counts)
        at = np.searchsorted(last, pixels, side="left")
        inside = (last[at] != pixels) & (pixels > 0)
        read = np.where(pixels > 0, self.end[at], 0.0)
        low = np.where(inside, self.start[at] - self.down[at], read)
        high = np.where(inside, self.start[at] + self.up[at], read)
        return read, low, high

    def movement(self, pixels: Places) -> Bracketed:
        """Return the total distance between the sums after so many pixels, divided by the number of all pixels."""
        read, low, high = self.after(pixels)
        possible = float((self.up + self.down).sum())  # no path moves more
        bounds = _movement(low, high, np.min), min(_movement(low, high, np.max), possible)
        n = self.pixels
        return float(np.abs(np.diff(read)).sum()) / n, bounds[0] / n, bounds[1] / n

    def largest(self) -> Bracketed:
        """Return the KS error: the largest distance from 0 at the ends of ties, divided by the number of pixels."""
        n = self.pixels
        value = np.abs(self.end).max() / n
        reach = np.maximum(np.abs(self.start + self.up), np.abs(self.start - self.down)).max() / n
        return value, value, max(value, reach)


def _movement(low: Line, high: Line, best: Callable[..., Line]) -> float:
    """Return the least or greatest total movement of a path through intervals, in order: at ends of intervals."""
    places = np.unique(np.concatenate([low, high]))
    steps = np.abs(places[:, None] - places)
    worst = np.inf if best is np.min else -np.inf
    total = np.where((places >= low[0]) & (places <= high[0]), 0.0, worst)
    for a, b in zip(low[1:], high[1:], strict=True):
        total = np.where((places >= a) & (places <= b), best(total + steps, axis=1), worst)
    return float(best(total))

"""The cumulative sum of (confidence - correctness) by ascending confidence: what adaptive ECE and KS are read off.

Its values at the edges of fine bins are exact; what may happen inside a bin makes the bracket.
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
        """Of the known pixels. `ties` are the first bins of runs of bins (the surest first) that count as one each."""
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
        """How many there are."""
        return int(self.counts.sum())

    def after(self, pixels: Places) -> tuple[Line, Line, Line]:
        """The sum after so many pixels, a tie read at its end; and between what it may be without the tie."""
        last = np.cumsum(self.counts)
        at = np.searchsorted(last, pixels, side="left")
        inside = (last[at] != pixels) & (pixels > 0)
        read = np.where(pixels > 0, self.end[at], 0.0)
        low = np.where(inside, self.start[at] - self.down[at], read)
        high = np.where(inside, self.start[at] + self.up[at], read)
        return read, low, high

    def movement(self, pixels: Places) -> Bracketed:
        """The sum of the distances between what is read after so many pixels, over all pixels."""
        read, low, high = self.after(pixels)
        possible = float((self.up + self.down).sum())  # no path moves more
        bounds = _movement(low, high, np.min), min(_movement(low, high, np.max), possible)
        n = self.pixels
        return float(np.abs(np.diff(read)).sum()) / n, bounds[0] / n, bounds[1] / n

    def largest(self) -> Bracketed:
        """The largest distance from 0, read at the ends of ties, over all pixels: the KS error."""
        n = self.pixels
        value = np.abs(self.end).max() / n
        reach = np.maximum(np.abs(self.start + self.up), np.abs(self.start - self.down)).max() / n
        return value, value, max(value, reach)


def _movement(low: Line, high: Line, best: Callable[..., Line]) -> float:
    """Least or greatest total movement of a path through intervals, in order; either is reached at ends of them."""
    places = np.unique(np.concatenate([low, high]))
    steps = np.abs(places[:, None] - places)
    worst = np.inf if best is np.min else -np.inf
    moved = np.where((places >= low[0]) & (places <= high[0]), 0.0, worst)
    for a, b in zip(low[1:], high[1:], strict=True):
        moved = np.where((places >= a) & (places <= b), best(moved + steps, axis=1), worst)
    return float(best(moved))

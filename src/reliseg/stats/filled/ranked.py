"""Rankings of two kinds of pixels, measured fast: each bracket has the bits of that of `stats.rounding.Ranking`."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from reliseg.stats.filled.bins import FilledPair
from reliseg.stats.filled.measures import areas, hard_bins, pairs, reach
from reliseg.stats.filled.orders import Bins, Order, orders
from reliseg.stats.ranking import Bracketed, harmonic
from reliseg.types import Float64


@dataclass(frozen=True, eq=False)
class Ranked:
    """Positives and negatives by filled bin, the most confident first: as ties, in the best and in the worst order."""

    orders: tuple[Order, Order, Order]
    areas: tuple[tuple[Bracketed, Bracketed], ...]
    """Of each order average precision and, where it is asked for, the area under risk.

    They are computed at once: threads that ask for a cached property wait for each other, whosever it is.
    """
    total: tuple[int, int]
    """The pixels of each kind."""

    @classmethod
    def of(cls, pair: FilledPair, *, with_risk: bool = False) -> "Ranked":
        """Rank pixels, the first kind of which are positive."""
        best, worst = orders(pair.places, pair.first, pair.second)
        ranked = (pair.first, pair.second), best, worst
        kinds = (True, False, False)  # whether every bin is one tie
        found = tuple(_areas(order, with_risk, tied) for order, tied in zip(ranked, kinds, strict=True))
        return cls(ranked, found, (int(pair.first.sum()), int(pair.second.sum())))

    @property
    def tied(self) -> Order:
        """The order in which every bin is one tie."""
        return self.orders[0]

    @property
    def auroc(self) -> Bracketed:
        """The area under the ROC curve."""
        found = []
        for order in self.orders:
            lo, ties = pairs(*order)
            found.append((min(lo + ties / 2, 1.0), min(lo, 1.0), min(lo + ties, 1.0)))
        return _bracket(found)

    @property
    def average_precision(self) -> Bracketed:
        """The step sum of precision over recall."""
        return _bracket(precision for precision, _ in self.areas)

    @property
    def area_under_risk(self) -> Bracketed:
        """The area under the risk-coverage curve."""
        return _bracket(risk for _, risk in self.areas)

    def fpr_at_tpr(self, percent: int = 95) -> Bracketed:
        """Return the false positive rate where the true positive rate reaches `percent` %."""
        return _bracket(_fpr_at_tpr(*order, self.total, percent) for order in self.orders)

    def risk_at(self, percent: int) -> Bracketed:
        """Return the error rate among the most confident `percent` %, where negatives are errors."""
        return _bracket(_risk_at(*order, self.total, percent) for order in self.orders)


def _areas(order: Order, with_risk: bool, is_tied: bool) -> tuple[Bracketed, Bracketed]:
    hard, before = hard_bins(*order)
    sums = _harmonic_sums(order, hard, before, with_risk)
    return areas(*order, hard, before, sums, with_risk, is_tied)


def _harmonic_sums(
    order: Order, hard: Bins, before: Float64[np.ndarray, "2 k"], with_risk: bool
) -> Float64[np.ndarray, "s k"]:
    """Return the sums over segments of some bins, in the order of `measures`; without risk those of the first alone."""
    pos, neg = (kind[hard] for kind in order)
    start = before.sum(axis=0)
    end = start + pos + neg
    segments = [(start + neg, end), (start, start + pos), (start + pos, end), (start, start + neg), (start, end)]
    starts, ends = np.array(segments if with_risk else segments[:1]).swapaxes(0, 1)
    return harmonic(starts, ends)


def _bracket(found: Iterable[Bracketed]) -> Bracketed:
    """Return the value of ties, and the range over all orders."""
    (value, lo, hi), *extremes = found
    return value, min(lo, *(e[1] for e in extremes)), max(hi, *(e[2] for e in extremes))


def _fpr_at_tpr(pos: Bins, neg: Bins, total: tuple[int, int], percent: int) -> Bracketed:
    positives, negatives = total
    at, _, before = reach(pos, neg, -(-percent * positives // 100), False)
    false = before + int(neg[at])
    return false / negatives, before / negatives, false / negatives


def _risk_at(right: Bins, wrong: Bins, total: tuple[int, int], percent: int) -> Bracketed:
    k = -(-sum(total) * percent // 100)
    at, before_right, before = reach(right, wrong, k, True)
    r, w, inside = int(right[at]), int(wrong[at]), k - before_right - before
    tied = before + inside * w / (r + w)
    return tied / k, (before + max(0, inside - r)) / k, (before + min(w, inside)) / k

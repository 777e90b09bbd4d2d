"""Rankings of two kinds of pixels, measured fast: each bracket has the bits of that of `stats.rounding.Ranking`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from reliseg.stats.filled.bins import FilledPair
from reliseg.stats.filled.measures import EVEN, FIRST, LAST, areas, pairs, reach
from reliseg.stats.filled.orders import Bins, Order, Orders, orders
from reliseg.stats.ranking import Bracketed


class _Areas(NamedTuple):
    """Of an order whose bins are all arranged in one way."""

    precision: float
    """Average precision."""
    risk: float
    """The area under risk; 0 where it is not asked for."""


@dataclass(frozen=True, eq=False)
class Ranked:
    """Positives and negatives by filled bin, the most confident first: as ties, in the best and in the worst order."""

    pair: FilledPair
    """Every bin is one tie."""
    orders: Orders
    areas: tuple[_Areas, _Areas, _Areas]
    """Of ties; of the best order with positives first in each bin; of the worst one with positives last.

    They are computed at once: threads that ask for a cached property wait for each other, whosever it is.
    """
    total: tuple[int, int]
    """The pixels of each kind."""

    @classmethod
    def of(cls, pair: FilledPair, *, with_risk: bool = False) -> "Ranked":
        """Rank pixels, the first kind of which are positive."""
        return cls._of(pair, orders(pair.places, pair.first, pair.second), with_risk)

    @classmethod
    def _of(cls, pair: FilledPair, found: Orders, with_risk: bool) -> "Ranked":
        even = _Areas(*areas(pair.first, pair.second, pair.places, EVEN, with_risk))
        best = _Areas(*areas(*found.best, found.places, FIRST, with_risk))
        worst = _Areas(*areas(*found.worst, pair.places, LAST, with_risk))
        return cls(pair, found, (even, best, worst), (int(pair.first.sum()), int(pair.second.sum())))

    def reversed(self) -> "Ranked":
        """Return the ranking of the second kind before the first, the least confident first; without areas of risk."""
        return self._of(self.pair.reversed(), self.orders.reversed(self.pair.size), False)

    @property
    def tied(self) -> Order:
        """The order in which every bin is one tie."""
        return self.pair.first, self.pair.second

    @property
    def auroc(self) -> Bracketed:
        """The area under the ROC curve."""
        (before, same), (before_best, same_best) = pairs(*self.tied), pairs(*self.orders.best)
        lo, _ = pairs(*self.orders.worst)
        return min(before + same / 2, 1.0), min(lo, 1.0), min(before_best + same_best, 1.0)

    @property
    def average_precision(self) -> Bracketed:
        """The step sum of precision over recall."""
        value, best, worst = (areas.precision for areas in self.areas)
        return value, worst, best

    @property
    def area_under_risk(self) -> Bracketed:
        """The area under the risk-coverage curve."""
        value, best, worst = (areas.risk for areas in self.areas)
        return value, best, worst

    def fpr_at_tpr(self, percent: int = 95) -> Bracketed:
        """Return the false positive rate where the true positive rate reaches `percent` %."""
        return self._falling(lambda order: _fpr_at_tpr(*order, self.total, percent))

    def risk_at(self, percent: int) -> Bracketed:
        """Return the error rate among the most confident `percent` %, where negatives are errors."""
        return self._falling(lambda order: _risk_at(*order, self.total, percent))

    def _falling(self, measure: Callable[[Order], Bracketed]) -> Bracketed:
        """Return the bracket of a measure that falls where positives come earlier."""
        (value, *_), (_, lo, _), (_, _, hi) = map(measure, (self.tied, self.orders.best, self.orders.worst))
        return value, lo, hi


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

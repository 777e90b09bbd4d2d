"""Rankings of two kinds of pixels, measured fast: each value has the bits of that of `stats.rounding.Ranking`.

So has each end of a bracket, of the order that it belongs to: where rounding alone tells orders apart, another one may
have an end that is a few 1e-16 further out.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from reliseg.stats.filled.bins import FilledPair
from reliseg.stats.filled.measures import BEST, TIED, areas, pairs, reach, segments
from reliseg.stats.filled.orders import Bins, Order, orders
from reliseg.stats.ranking import Bracketed


@dataclass(frozen=True, eq=False)
class Ranked:
    """Positives and negatives by filled bin, the most confident first: as ties, in the best and in the worst order."""

    orders: tuple[Order, Order, Order]
    areas: tuple[tuple[float, float], ...]
    """Average precision and, if it is asked for, the area under risk, of each order."""
    ties_first: float
    """Average precision where the positives of each bin come before its negatives, as one tie."""

    @classmethod
    def of(cls, pair: FilledPair, *, with_risk: bool = False) -> "Ranked":
        """Rank pixels, the first kind of which are positive."""
        best, worst = orders(pair.places, pair.first, pair.second)
        ranked = (pair.first, pair.second), best, worst
        # at once, as threads that ask for a cached property wait for each other, whose ever it is
        of_each = tuple(_areas(order, kind, with_risk) for kind, order in enumerate(ranked))
        return cls(ranked, of_each, _areas(ranked[TIED], BEST, False)[0])

    @property
    def tied(self) -> Order:
        """The order in which every bin is one tie."""
        return self.orders[0]

    @property
    def auroc(self) -> Bracketed:
        """The area under the ROC curve."""
        (lo, ties), (best, best_ties), (worst, _) = (pairs(*order) for order in self.orders)
        return min(lo + ties / 2, 1.0), min(worst, 1.0), min(best + best_ties, 1.0)

    @property
    def average_precision(self) -> Bracketed:
        """The step sum of precision over recall."""
        (tied, _), (best, _), (worst, _) = self.areas
        return tied, worst, max(best, self.ties_first)  # what is exchanged parts ties, which may have more

    @property
    def area_under_risk(self) -> Bracketed:
        """The area under the risk-coverage curve."""
        (_, tied), (_, best), (_, worst) = self.areas
        return tied, best, worst

    def fpr_at_tpr(self, percent: int = 95) -> Bracketed:
        """Return the false positive rate where the true positive rate reaches `percent` %."""
        return _falling(_fpr_at_tpr(*order, percent) for order in self.orders)

    def risk_at(self, percent: int) -> Bracketed:
        """Return the error rate among the most confident `percent` %, where negatives are errors."""
        return _falling(_risk_at(*order, percent) for order in self.orders)


def _falling(found: Iterable[Bracketed]) -> Bracketed:
    """Return the value of ties, and the range of a measure that is lowest in the best order."""
    (value, _, _), (_, lo, _), (_, _, hi) = found
    return value, lo, hi


def _areas(order: Order, kind: int, with_risk: bool) -> tuple[float, float]:
    h = _harmonic_sums(*segments(*order, kind, with_risk))
    return areas(*order, h, kind, with_risk)


def _harmonic_sums(
    x: Float64[np.ndarray, " k"], rest: Float64[np.ndarray, " k"], near: Float64[np.ndarray, "2 n"]
) -> Float64[np.ndarray, " k"]:
    from scipy.special import digamma  # slow to import

    sums = np.log1p(x, out=x)
    sums += rest
    there = np.flatnonzero(near[0] >= 0)
    sums[there] = digamma(near[1, there] + 1) - digamma(near[0, there] + 1)
    return sums


def _fpr_at_tpr(pos: Bins, neg: Bins, percent: int) -> Bracketed:
    wanted, total = -(-percent * int(pos.sum()) // 100), int(neg.sum())
    at, _, before = reach(pos, neg, wanted, False)
    false = before + int(neg[at])
    return false / total, before / total, false / total


def _risk_at(right: Bins, wrong: Bins, percent: int) -> Bracketed:
    k = -(-int(right.sum() + wrong.sum()) * percent // 100)
    at, before_right, before = reach(right, wrong, k, True)
    r, w, inside = int(right[at]), int(wrong[at]), k - before_right - before
    tied = before + inside * w / (r + w)
    return tied / k, (before + max(0, inside - r)) / k, (before + min(w, inside)) / k

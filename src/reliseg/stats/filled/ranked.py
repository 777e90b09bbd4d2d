"""Rankings of two kinds of pixels, measured fast: each bracket has the bits of that of `stats.rounding.Ranking`.

All passes over the bins are one compiled call without the interpreter's lock, so several threads rank at once.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from reliseg.runtime.numba_compile import exact_njit, inline_exact_njit
from reliseg.stats.filled.bins import FilledPair
from reliseg.stats.filled.measures import EVEN, FIRST, LAST, Four, areas, reach
from reliseg.stats.filled.orders import Bins, Order, orders
from reliseg.stats.ranking import Bracketed
from reliseg.types import Float64, Int64

Three = Float64[np.ndarray, "3 4"]
"""What `measures.areas` finds of each order: with every bin as one tie, of the best one and of the worst one."""
Read = Int64[np.ndarray, "3 w 4"]
"""Pixels that `measures.reach` finds, of each of the same orders."""


class Rankings(NamedTuple):
    """Measures of the first kind before the second; `other` are of the second before the first, from the other end."""

    auroc: Bracketed
    average_precision: Bracketed
    other_average_precision: Bracketed
    fpr95: Bracketed
    other_fpr95: Bracketed


class Risks(NamedTuple):
    """Measures of the first kind before the second, where the second are errors."""

    area: Bracketed
    """Under the risk-coverage curve."""
    at: tuple[Bracketed, ...]
    """Error rates among so many % of the pixels."""


def rankings(pair: FilledPair) -> Rankings:
    """Measure two kinds of pixels; there are some of both."""
    return _Passes.over(pair, ()).rankings()


def rankings_and_risks(pair: FilledPair, percents: Sequence[int]) -> tuple[Rankings | None, Risks]:
    """Measure two kinds of pixels, also among rising shares of them, in %; no rankings if a kind is missing."""
    passes = _Passes.over(pair, percents)
    return passes.rankings() if all(passes.pixels) else None, passes.risks()


class _Passes(NamedTuple):
    """What the passes over the bins find, and what they were to find."""

    pixels: tuple[int, int]
    """Of each kind."""
    accepted: list[int]
    """Pixels at which risks are read."""
    areas: Three
    other_areas: Three
    """Of the second kind, from the other end."""
    reached: Read
    """95 % of the first kind."""
    other_reached: Read
    """95 % of the second kind, from the other end."""
    accepting: Read
    """The accepted pixels."""

    @classmethod
    def over(cls, pair: FilledPair, percents: Sequence[int]) -> "_Passes":
        """Go over the bins of two kinds."""
        first, second = (-(-95 * n // 100) for n in pair.pixels)
        accepted = [-(-sum(pair.pixels) * percent // 100) for percent in percents]
        wanted = np.array([first, second, *accepted])
        return cls(pair.pixels, accepted, *_passes(pair.places, pair.first, pair.second, wanted))

    def rankings(self) -> Rankings:
        """Return the brackets of rankings."""
        (before, same), (before_best, same_best), (lo, _) = self.areas[:, 2:].tolist()
        auroc = min(before + same / 2, 1.0), min(lo, 1.0), min(before_best + same_best, 1.0)
        first, second = self.pixels
        return Rankings(
            auroc,
            _rising(self.areas[:, 0]),
            _rising(self.other_areas[:, 0]),
            _false_rates(self.reached, second),
            _false_rates(self.other_reached, first),
        )

    def risks(self) -> Risks:
        """Return the brackets of risks."""
        value, best, worst = self.areas[:, 1].tolist()
        each = zip(self.accepted, self.accepting.swapaxes(0, 1).tolist(), strict=True)
        return Risks((value, best, worst), tuple(_risk(accepted, found) for accepted, found in each))


def _rising(numbers: Float64[np.ndarray, " 3"]) -> Bracketed:
    """Return the bracket of a measure that is higher in the best order."""
    value, best, worst = numbers.tolist()
    return value, worst, best


def _false_rates(found: Read, negatives: int) -> Bracketed:
    """Return the false positive rate where the wanted positives are reached.

    A tie is accepted whole. In the best order the negatives of that bin come last and are left out; in the worst one
    they come first.
    """
    (_, tied, _, here), (_, best, _, _), (_, worst, _, last) = found[:, 0].tolist()
    return (tied + here) / negatives, best / negatives, (worst + last) / negatives


def _risk(accepted: int, found: list[list[int]]) -> Bracketed:
    """Return the error rate where so many pixels are accepted."""
    tied, best, worst = found
    before, inside, right, wrong = _inside(accepted, tied)
    value = before + inside * wrong / (right + wrong)
    before, inside, right, wrong = _inside(accepted, best)
    lo = before + max(0, inside - right)
    before, inside, right, wrong = _inside(accepted, worst)
    return value / accepted, lo / accepted, (before + min(wrong, inside)) / accepted


def _inside(accepted: int, reached: list[int]) -> tuple[int, int, int, int]:
    """Return the errors before a bin, how many of its pixels are accepted, and those of each kind in it."""
    before_right, before, right, wrong = reached
    return before, accepted - before_right - before, right, wrong


@exact_njit
def _areas(tied: Order, best: Order, places: Bins, worst: Order, risk: bool, turned: bool) -> Three:
    found = np.empty((3, 4))
    _put(areas(*tied, places, EVEN, risk, turned), found[0])
    _put(areas(*best, places, FIRST, risk, turned), found[1])
    _put(areas(*worst, places, LAST, risk, turned), found[2])
    return found


@inline_exact_njit
def _put(numbers: Four, into: Float64[np.ndarray, " 4"]) -> None:
    into[0], into[1], into[2], into[3] = numbers


@exact_njit
def _reach(tied: Order, best: Order, worst: Order, wanted: Bins, both: bool, turned: bool) -> Read:
    found = np.empty((3, len(wanted), 4), np.int64)
    found[0] = reach(*tied, wanted, both, turned)
    found[1] = reach(*best, wanted, both, turned)
    found[2] = reach(*worst, wanted, both, turned)
    return found


@exact_njit
def _passes(places: Bins, first: Bins, second: Bins, wanted: Bins) -> tuple[Three, Three, Read, Read, Read]:
    """Return the arrays of `_Passes`.

    `wanted` are the numbers of pixels to reach: of the first kind; of the second, from the other end; and for risks, if
    any are asked for, of both together.
    """
    tied, (best, at, worst) = (first, second), orders(places, first, second)
    return (
        _areas(tied, best, at, worst, len(wanted) > 2, False),
        _areas(tied, best, at, worst, False, True),
        _reach(tied, best, worst, wanted[:1], False, False),
        _reach(tied, best, worst, wanted[1:2], False, True),
        _reach(tied, best, worst, wanted[2:], True, False),
    )

"""Ranking measures of many pairs of histograms at once, for intervals.

Bins are wide here, so a measure that is read at a place inside a bin takes the pixels of the bin as evenly spread: read
at the ends of bins it would jump from one to the next. `pos` and `neg` count by bin, the highest-ranked bin first; each
row is a pair. A row without the pixels that a measure needs gives NaN.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from reliseg.types import Float64

Counts: TypeAlias = Float64[np.ndarray, "m b"]
Numbers: TypeAlias = Float64[np.ndarray, " m"]


def ratio(a: Float64[np.ndarray, "*s"], b: Float64[np.ndarray, "*s"]) -> Float64[np.ndarray, "*s"]:
    """Return a / b, NaN where b is 0."""
    return np.divide(a, b, out=np.full(np.broadcast(a, b).shape, np.nan), where=b > 0)


class Rankings(NamedTuple):
    """Measures of positives before negatives; `other` are those of negatives before positives, from the other end."""

    auroc: Numbers
    """The area under the ROC curve; a tie counts half."""
    average_precision: Numbers
    """The step sum of precision over recall, read at bins."""
    other_average_precision: Numbers
    fpr95: Numbers
    """The false positive rate where the true positive rate is 95 %, interpolated inside the bin."""
    other_fpr95: Numbers


def rankings(pos: Counts, neg: Counts) -> Rankings:
    """Return the measures of each pair. Where one of both has a single row, it stands beside each row of the other."""
    from reliseg.stats.filled.many import measures  # numba is slow to import

    return Rankings(*measures(pos, neg, 0.95))


def risks_at(right: Counts, wrong: Counts, percents: Sequence[int]) -> Float64[np.ndarray, "p m"]:
    """Return the error rates among the most confident so many % of the pixels, interpolated inside the bin."""
    from reliseg.stats.filled.many import risks

    return risks(right, wrong, np.array(percents) / 100)


def area_under_risk(right: Counts, wrong: Counts) -> Numbers:
    """Return AURC: the mean over coverages of the error rate; inside a bin errors are evenly spread."""
    from reliseg.stats.filled.many import areas_under_risk, growths

    steps = growths(right, wrong)
    return areas_under_risk(right, wrong, np.log(steps, out=steps))


def error_rates(right: Counts, wrong: Counts) -> Numbers:
    """Return the shares of wrong pixels."""
    errors = wrong.sum(axis=1)
    return ratio(errors, right.sum(axis=1) + errors)


def least_area_under_risk(error_rates: Numbers) -> Numbers:
    """Return AURC of the oracle, which ranks all errors last: e + (1 - e) log(1 - e)."""
    left = 1 - error_rates
    return error_rates + left * np.log(np.where(left > 0, left, 1.0))

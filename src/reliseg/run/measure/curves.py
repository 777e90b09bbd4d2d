"""From the statistics of a domain to what charts show of it: few enough numbers for a page."""

import math
from functools import lru_cache

import numpy as np

from reliseg.metrics import DomainState
from reliseg.results.curves import DomainCurves, ReliabilityBins, RiskCoverage, ScoreBins, ScoreCurves
from reliseg.stats import reliability
from reliseg.stats.bins import VOID_ROLE, edges
from reliseg.stats.built_in_scores import confidence_edges
from reliseg.stats.filled.bins import FilledBins, FilledPair
from reliseg.stats.fixed import real
from reliseg.stats.ranking import least_area_under_risk
from reliseg.types import Float64, Int64

_DIGITS = 5
"""Of numbers that are no counts."""
BINS = 40
"""Of a histogram, at most."""
_SMALL = (0.001, 0.002, 0.005, 0.01)
COVERAGES = np.unique(np.concatenate([_SMALL, np.arange(2, 101, 2) / 100, [0.85, 0.95, 0.99]]))
"""Of a risk-coverage curve. Among them are those of `risk80`, `risk90` and `risk95`."""


def curves_of(model: str, names: tuple[str, str], calibration: str, state: DomainState) -> DomainCurves:
    """Return the curves of a model on a domain (data set, domain) under a calibration; the domain has annotation.

    Scores that the model does not have are left out.
    """
    counts, right, sums = reliability(state.pixels.top)
    bounds = edges()
    return DomainCurves(
        model,
        *names,
        calibration,
        list(state.labels.classes),
        state.pixels.top.confusion.tolist(),
        ReliabilityBins(_short(bounds[:-1]), _short(bounds[1:]), counts.tolist(), right.tolist(), _short(real(sums))),
        {score: _score_curves(state, score) for score in state.scores if score not in state.undefined_scores},
    )


def _score_curves(state: DomainState, score: str) -> ScoreCurves:
    filled = state.filled(score)
    pair = filled.right_and_wrong
    right, wrong = pair.pixels
    curve, oracle, rate = RiskCoverage([], []), None, None
    if right + wrong:
        curve = risk_coverage(pair)
        oracle, rate = _short(np.array([least_area_under_risk(right, wrong), wrong / (right + wrong)]))
    return ScoreCurves(curve, oracle, rate, score_bins(score, filled))


def risk_coverage(pair: FilledPair) -> RiskCoverage:
    """Return the curve of right and wrong pixels at coverages that all curves share, in whole pixels; bins are ties."""
    from reliseg.stats.filled.ties import risks  # numba is slow to import

    known = sum(pair.pixels)
    accepted = np.unique(np.ceil(COVERAGES * known - 1e-6).astype(np.int64).clip(1))  # 0.07 * 100 is 7.000000000000001
    return RiskCoverage(_short(accepted / known), _short(risks(pair.first, pair.second, accepted)))


def score_bins(score: str, pixels: FilledBins) -> ScoreBins:
    """Return at most 40 bins of about equal width in the score's own unit; each edge is one of the fine bins.

    They reach over all values that a score can have, or if it has no bounds, over those that occur.
    """
    fine = confidence_edges(score)
    shown = pixels.counts[:VOID_ROLE]
    if not shown.any():
        return ScoreBins([], [], [], [])
    first, last = 0, len(fine) - 1
    if not np.isfinite(fine[[0, -1]]).all():
        filled = np.flatnonzero(shown.any(axis=0))
        first, last = pixels.places[filled[0]], pixels.places[filled[-1]] + 1
    cuts, edges = _cuts(score, int(first), int(last))
    starts = np.searchsorted(pixels.places, cuts)
    there = np.flatnonzero(np.diff(starts))  # of an empty bin `reduceat` takes what comes after it
    sums = np.zeros((len(shown), len(cuts) - 1), np.int64)
    sums[:, there] = np.add.reduceat(shown[:, : starts[-1]], starts[there], axis=1, dtype=np.int64)
    wrong, right, unknown = sums[:, ::-1].tolist()
    return ScoreBins(list(edges), wrong, right, unknown)


@lru_cache(64)
def _cuts(score: str, first: int, last: int) -> tuple[Int64[np.ndarray, " c"], tuple[float, ...]]:
    """Return those of the fine edges from `first` to `last` that the shown bins lie between; and ascending, rounded.

    Of a bounded score they are the same everywhere.
    """
    bounded = confidence_edges(score)[first : last + 1]  # descending
    # beyond the outermost edge nothing is told apart
    bounded = np.where(np.isinf(bounded), np.where(bounded > 0, bounded[1], bounded[-2]), bounded)
    wanted = np.linspace(bounded[0], bounded[-1], BINS + 1)
    cuts = np.unique(np.concatenate([[0, last - first], _nearest(bounded, wanted[1:-1])]))
    return first + cuts, tuple(_short_edges(bounded[cuts][::-1]))


def _nearest(descending: Float64[np.ndarray, " e"], wanted: Float64[np.ndarray, " w"]) -> Int64[np.ndarray, " w"]:
    """Return the places of the edges that are nearest to these values."""
    after = np.searchsorted(-descending, -wanted).clip(1, len(descending) - 1)
    is_before = np.abs(descending[after - 1] - wanted) <= np.abs(descending[after] - wanted)
    return after - is_before


def _short(values: Float64[np.ndarray, " n"]) -> list[float]:
    return [float(f"{value:.{_DIGITS}g}") for value in values.tolist()]


def _short_edges(values: Float64[np.ndarray, " e"]) -> list[float]:
    """Return ascending edges, each within a hundredth of the narrowest bin."""
    narrowest = float(np.diff(values).min())
    if not narrowest:
        return values.tolist()
    return values.round(2 - math.floor(math.log10(narrowest))).tolist()

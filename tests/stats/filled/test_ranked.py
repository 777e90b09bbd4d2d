"""Rankings of filled bins have the bits of their definition, whatever the histograms."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.stats import ranking
from reliseg.stats.filled.bins import FilledPair
from reliseg.stats.filled.ranked import rankings, rankings_and_risks
from reliseg.stats.rounding import Ranking

PERCENTS = (1, 80, 90, 100)
COUNTS = st.lists(st.sampled_from([0, 0, 1, 3, 40, 41, 5000]), min_size=1, max_size=12)


def histograms(bins, seed):
    g = np.random.default_rng(seed)
    return [g.poisson(3, bins) * (g.random(bins) < share) * g.integers(1, 900, bins) for share in (0.5, 0.3)]


def assert_equal(pos, neg):
    defined, pair = Ranking.of(pos, neg), FilledPair.of(pos, neg)
    found, risks = rankings_and_risks(pair, PERCENTS)
    assert risks.area == defined.bracket(ranking.area_under_risk, rises=False)
    wanted = [defined.bracket(partial(ranking.risk_at, percent=p), rises=False) for p in PERCENTS]
    assert list(risks.at) == wanted
    if not (pos.any() and neg.any()):
        assert found is None
        return
    other = Ranking.of(neg[::-1], pos[::-1])
    assert found == rankings(pair)
    assert found == (
        defined.bracket(ranking.auroc, rises=True),
        defined.average_precision(),
        other.average_precision(),
        defined.bracket(ranking.fpr_at_tpr, rises=False),
        other.bracket(ranking.fpr_at_tpr, rises=False),
    )


@given(pos=COUNTS, neg=COUNTS)
@settings(max_examples=200, deadline=None)
def test_brackets_of_any_histograms_are_those_of_the_definition(pos, neg):
    both = [np.array(kind[: min(len(pos), len(neg))], np.int64) for kind in (pos, neg)]
    if sum(kind.any() for kind in both):
        assert_equal(*both)


@pytest.mark.parametrize("seed", range(3))
def test_brackets_of_many_bins_are_those_of_the_definition(seed):
    pos, neg = histograms(20_000, seed)
    assert_equal(pos, neg)
    assert_equal(neg[::-1], pos[::-1])


def test_a_perfect_ranking_of_a_billion_pixels_is_1_and_not_more():
    """Products of counts beyond 2**53 are rounded, perhaps up."""
    right, wrong = np.array([10**9 + 7, 10**9 + 9, 3, 0, 0]), np.array([0, 0, 0, 10**9 + 21, 10**8 + 7])
    assert_equal(right, wrong)
    for k in range(40):
        value, lo, hi = rankings(FilledPair.of(right + k * (right > 0), wrong + 3 * k * (wrong > 0))).auroc
        assert lo <= value <= hi <= 1
        assert value == pytest.approx(1, abs=1e-8)

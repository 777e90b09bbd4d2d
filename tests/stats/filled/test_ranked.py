"""Rankings of filled bins have the bits of their definition, whatever the histograms."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.stats import ranking
from reliseg.stats.filled.bins import FilledPair
from reliseg.stats.filled.ranked import Ranked
from reliseg.stats.rounding import Ranking

MEASURES = {
    "fpr95": (ranking.fpr_at_tpr, lambda ranked: ranked.fpr_at_tpr()),
    "aurc": (ranking.area_under_risk, lambda ranked: ranked.area_under_risk),
    "risk80": (partial(ranking.risk_at, percent=80), lambda ranked: ranked.risk_at(80)),
}
"""Those that fall where positives come earlier."""
OF_ONE_KIND = ("aurc", "risk80")
COUNTS = st.lists(st.sampled_from([0, 0, 1, 3, 40, 41, 5000]), min_size=1, max_size=12)


def histograms(bins, seed):
    g = np.random.default_rng(seed)
    return [g.poisson(3, bins) * (g.random(bins) < share) * g.integers(1, 900, bins) for share in (0.5, 0.3)]


def assert_equal(pos, neg):
    defined, ranked = Ranking.of(pos, neg), Ranked.of(FilledPair.of(pos, neg), with_risk=True)
    has_both = pos.any() and neg.any()
    for name, (measure, fast) in MEASURES.items():
        if has_both or name in OF_ONE_KIND:
            assert fast(ranked) == defined.bracket(measure, rises=False), name
    if has_both:
        assert_equal_precision(ranked, defined)
        assert_equal_precision(ranked.reversed(), Ranking.of(neg[::-1], pos[::-1]))
        assert Ranked.of(FilledPair.of(pos, neg)).average_precision == ranked.average_precision


def assert_equal_precision(ranked, defined):
    assert ranked.auroc == defined.bracket(ranking.auroc, rises=True)
    assert ranked.average_precision == defined.average_precision()


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

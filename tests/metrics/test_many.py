"""Ranking measures of many histograms at once: those of one, but that they are interpolated inside a bin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from reliseg.metrics import many
from reliseg.stats import ranking

COUNTS = arrays(np.int64, st.tuples(st.integers(1, 3), st.just(2), st.integers(1, 12)), elements=st.integers(0, 50))


def pairs(counts):
    """The pairs of a drawn array that have pixels of both kinds, as numbers and one by one."""
    counts = counts[(counts.sum(axis=2) > 0).all(axis=1)]
    pos, neg = counts[:, 0].astype(float), counts[:, 1].astype(float)
    return pos, neg, [(c[0], c[1]) for c in counts]


@given(COUNTS)
def test_areas_are_those_of_single_histograms(counts):
    pos, neg, each = pairs(counts)
    found = many.rankings(pos, neg)
    assert found.auroc == pytest.approx([ranking.auroc(p, n)[0] for p, n in each])
    assert found.average_precision == pytest.approx([ranking.average_precision(p, n)[0] for p, n in each])
    others = [ranking.average_precision(n[::-1], p[::-1])[0] for p, n in each]
    assert found.other_average_precision == pytest.approx(others)


@given(COUNTS)
def test_the_area_under_the_risk_is_the_mean_over_pixels_where_there_are_many(counts):
    pos, neg, each = pairs(counts)
    found = many.area_under_risk(pos * 1000, neg * 1000)
    expected = [ranking.area_under_risk(p * 1000, n * 1000)[0] for p, n in each]
    assert found == pytest.approx(expected, abs=2e-3)
    rates = many.error_rates(pos, neg)
    assert rates == pytest.approx([n.sum() / (p + n).sum() for p, n in each])
    expected = [ranking.least_area_under_risk(1000 * p.sum(), 1000 * n.sum()) for p, n in each]
    assert many.least_area_under_risk(rates) == pytest.approx(expected, abs=2e-3)


@given(COUNTS)
def test_numbers_at_a_place_lie_between_those_at_the_ends_of_its_bin(counts):
    pos, neg, each = pairs(counts)
    ranked = many.rankings(pos, neg)
    for found, other, (p, n) in zip(ranked.fpr95, ranked.other_fpr95, each, strict=True):
        for number, (value, lo, hi) in (
            (found, ranking.fpr_at_tpr(p, n)),
            (other, ranking.fpr_at_tpr(n[::-1], p[::-1])),
        ):
            assert lo - 1e-9 <= number <= hi + 1e-9
            assert value == hi
    for percent, risks in zip((50, 80), many.risks_at(pos, neg, (50, 80)), strict=True):
        for found, (p, n) in zip(risks, each, strict=True):
            assert found == pytest.approx(ranking.risk_at(p, n, percent)[0], abs=1 / (p + n).sum() + 1e-9)


def test_places_are_interpolated_inside_the_bin():
    pos, neg = np.array([[90.0, 10.0]]), np.array([[0.0, 100.0]])
    assert many.rankings(pos, neg).fpr95 == pytest.approx([0.5])  # half of the second bin's positives are needed
    assert many.risks_at(pos, neg, [95])[0] == pytest.approx([100 * (100 / 110) / 190])


def test_what_has_no_pixels_is_undefined():
    none, some = np.zeros((1, 3)), np.ones((1, 3))
    assert np.isnan(many.rankings(none, some).auroc).all()
    assert np.isnan(many.rankings(some, none).auroc).all()
    assert np.isnan(many.rankings(none, some).average_precision).all()
    assert np.isnan(many.rankings(some, none).other_average_precision).all()
    assert np.isnan(many.rankings(some, none).fpr95).all()
    assert np.isnan(many.rankings(none, some).other_fpr95).all()
    assert np.isnan(many.risks_at(none, none, [95])).all()
    assert np.isnan(many.error_rates(none, none)).all()
    assert np.isnan(many.area_under_risk(none, none)).all()


def test_one_row_stands_for_all_of_the_other_side():
    pos, neg = np.arange(12.0).reshape(3, 4), np.ones((1, 4))
    repeated = np.ones((3, 4))
    for found, expected in (
        (many.rankings(pos, neg), many.rankings(pos, repeated)),
        (many.rankings(neg, pos), many.rankings(repeated, pos)),
    ):
        np.testing.assert_array_equal(found, expected)

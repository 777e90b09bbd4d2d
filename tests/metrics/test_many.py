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
    assert many.auroc(pos, neg) == pytest.approx([ranking.auroc(p, n)[0] for p, n in each])
    assert many.average_precision(pos, neg) == pytest.approx([ranking.average_precision(p, n)[0] for p, n in each])


@given(COUNTS)
def test_the_area_under_the_risk_is_the_mean_over_pixels_where_there_are_many(counts):
    pos, neg, each = pairs(counts)
    found, least = many.area_under_risk(pos * 1000, neg * 1000), many.least_area_under_risk(pos * 1000, neg * 1000)
    expected = [ranking.area_under_risk(p * 1000, n * 1000)[0] for p, n in each]
    assert found == pytest.approx(expected, abs=2e-3)
    expected = [ranking.least_area_under_risk(p * 1000, n * 1000) for p, n in each]
    assert least == pytest.approx(expected, abs=2e-3)


@given(COUNTS)
def test_numbers_at_a_place_lie_between_those_at_the_ends_of_its_bin(counts):
    pos, neg, each = pairs(counts)
    for found, (p, n) in zip(many.fpr_at_tpr(pos, neg), each, strict=True):
        value, lo, hi = ranking.fpr_at_tpr(p, n)
        assert lo - 1e-9 <= found <= hi + 1e-9
        assert value == hi
    for found, (p, n) in zip(many.risk_at(pos, neg, 80), each, strict=True):
        assert found == pytest.approx(ranking.risk_at(p, n, 80)[0], abs=1 / (p + n).sum() + 1e-9)


def test_places_are_interpolated_inside_the_bin():
    pos, neg = np.array([[90.0, 10.0]]), np.array([[0.0, 100.0]])
    assert many.fpr_at_tpr(pos, neg) == pytest.approx([0.5])  # half of the second bin's positives are needed
    assert many.risk_at(pos, neg, 95) == pytest.approx([100 * (100 / 110) / 190])


def test_what_has_no_pixels_is_undefined():
    none, some = np.zeros((1, 3)), np.ones((1, 3))
    assert np.isnan(many.auroc(none, some)).all()
    assert np.isnan(many.auroc(some, none)).all()
    assert np.isnan(many.average_precision(none, some)).all()
    assert np.isnan(many.fpr_at_tpr(some, none)).all()
    assert np.isnan(many.area_under_risk(none, none)).all()


def test_one_row_stands_for_all_of_the_other_side():
    pos, neg = np.arange(12.0).reshape(3, 4), np.ones((1, 4))
    for measure in (many.auroc, many.average_precision, many.fpr_at_tpr):
        assert measure(pos, neg) == pytest.approx(measure(pos, np.ones((3, 4))))

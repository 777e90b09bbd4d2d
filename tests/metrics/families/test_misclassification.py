"""Misclassification detection against the definitions: over tied bins, and over sorted float64 pixels."""

from functools import cache

import numpy as np
import pytest
from helpers import textbook
from helpers.worlds import SCORES, WORLDS, of_pixels, world
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from reliseg.metrics.families.misclassification import Misclassification

EXACT = 1e-12
"""Some thousand float64 operations against exact fractions, as a fraction of the scale (100 for prr)."""

every_world = pytest.mark.parametrize("each", WORLDS.values(), ids=WORLDS)
every_score = pytest.mark.parametrize("score", SCORES)


@cache
def values_of(each):
    return Misclassification().compute(each.domain(), None)


def measured(each, score):
    return {v.metric: v for v in values_of(each) if v.score == score}


@pytest.mark.slow
@every_world
@every_score
def test_values_are_the_definitions_with_fine_bins_as_ties(each, score):
    known = each.known
    ties = textbook.ranking(each.tied(score)[known], each.right[known])
    values = measured(each, score)
    assert list(values) == list(Misclassification().quantities())
    for name, definition in textbook.RANKINGS.items():
        assert values[name].value == pytest.approx(float(definition(ties)), rel=EXACT, abs=EXACT), name


@every_world
@every_score
def test_brackets_hold_the_exact_value_of_sorted_pixels(each, score):
    known = each.known
    ties = textbook.ranking(each.surety(score)[known], each.right[known])
    for name, value in measured(each, score).items():
        exact = float(textbook.RANKINGS[name](ties))
        slack = EXACT * max(1, abs(exact))
        assert value.lo - slack <= exact <= value.hi + slack, name
        assert value.lo <= value.value <= value.hi, name


@every_score
def test_brackets_are_narrow_where_bins_are(score):
    """400 pixels hardly share a bin of 2**-12: the brackets of rank measures are no wider than a few pairs."""
    values = measured(WORLDS["plain"], score)
    for name, value in values.items():
        assert value.hi - value.lo <= (2.0 if name == "prr" else 0.01), name


@every_world
def test_scikit_learn_agrees_on_msp(each):
    known = each.known
    key, right = each.tied("msp")[known], each.right[known]
    values = measured(each, "msp")
    assert values["auroc"].value == pytest.approx(roc_auc_score(right, key), abs=EXACT)
    assert values["aupr_success"].value == pytest.approx(average_precision_score(right, key), abs=EXACT)
    assert values["aupr_error"].value == pytest.approx(average_precision_score(~right, -key), abs=EXACT)


def margins(gaps, right):
    """Two classes; pixel i is predicted 0 with this margin between the logits."""
    gaps = np.asarray(gaps, np.float64)
    return of_pixels([gaps, np.zeros(len(gaps))], np.where(right, 0, 1))


@every_score
def test_a_perfect_ranking(score):
    values = measured(margins([8, 7, 6, 5, 2, 1], [1, 1, 1, 1, 0, 0]), score)
    expected = {"auroc": 1, "prr": 100, "fpr95": 0, "aupr_success": 1, "aupr_error": 1, "e_aurc": 0, "augrc": 1 / 18}
    for name, number in expected.items():
        value = values[name]
        assert (value.value, value.lo, value.hi) == pytest.approx((number,) * 3, abs=EXACT), name
        assert value.why == ""
    assert values["risk80"].value == pytest.approx(1 / 5)
    assert values["aurc"].value == pytest.approx((1 / 5 + 2 / 6) / 6)


@pytest.mark.parametrize(("right", "wrong"), [(3, 7), (50, 21), (300, 99), (97, 203), (331, 409)])
def test_excess_area_of_a_perfect_ranking_is_never_below_zero(right, wrong):
    gaps = np.linspace(8, 0.1, right + wrong)
    value = measured(margins(gaps, [1] * right + [0] * wrong), "msp")["e_aurc"]
    assert (value.value, value.lo, value.hi) == pytest.approx((0, 0, 0), abs=EXACT)
    assert min(value.value, value.lo) >= 0


@every_score
def test_the_worst_ranking(score):
    values = measured(margins([8, 7, 6, 2, 1], [0, 0, 1, 1, 1]), score)
    for name, number in {"auroc": 0, "prr": -100, "fpr95": 1}.items():
        assert values[name].value == number, name


@every_score
def test_constant_confidence_is_chance(score):
    """Every measure of a random ranking, and the bracket that one bin of everything deserves."""
    each = margins([2] * 10, [1] * 7 + [0] * 3)
    values = measured(each, score)
    expected = {"auroc": 0.5, "prr": 0, "aurc": 0.3, "aupr_success": 0.7, "aupr_error": 0.3, "fpr95": 1, "augrc": 0.15}
    expected |= {"risk80": 0.3, "risk90": 0.3, "risk95": 0.3}
    for name, number in expected.items():
        assert values[name].value == pytest.approx(number, abs=EXACT), name
    assert (values["auroc"].lo, values["auroc"].hi) == (0, 1)
    assert (values["prr"].lo, values["prr"].hi) == (-100, 100)


@every_score
@pytest.mark.parametrize(("right", "why"), [([1, 1, 1], "no wrong pixel"), ([0, 0, 0], "no right pixel")])
def test_rankings_are_undefined_with_one_outcome_only(score, right, why):
    values = measured(margins([3, 2, 1], right), score)
    undefined = {name for name, value in values.items() if np.isnan(value.value)}
    assert undefined == {"auroc", "prr", "aupr_success", "aupr_error", "fpr95", "augrc"}
    assert {values[name].why for name in undefined} == {why}
    error = float(why == "no right pixel")
    for name in ("aurc", "risk80", "risk90", "risk95"):
        assert values[name].value == error, name
    assert values["e_aurc"].value == 0


def test_saturated_pixels_are_ranked_where_float_softmax_ties():
    """All of msp is 1 in float64; the tail odds still tell right from wrong."""
    values = measured(margins([50, 48, 46, 44, 42, 40], [1, 1, 1, 0, 0, 0]), "msp")
    assert measured(margins([50] * 6, [1, 1, 1, 0, 0, 0]), "msp")["auroc"].value == 0.5
    assert (margins([50, 40], [1, 0]).confidence("msp") == 1).all()
    assert values["prr"].value == 100


@given(seed=st.integers(0, 999), factor=st.sampled_from([0.25, 0.5, 2.0, 3.7, 8.0]))
@settings(max_examples=10, deadline=None)
def test_a_positive_factor_leaves_the_ranking_by_max_logit(seed, factor):
    """Up to the bracket: bins are of equal ratio, and move against the pixels."""
    each = world(seed, pixels=120, scores=("msp", "max_logit"))
    scaled = type(each)(
        each.classes, each.groups, each.logits * np.float32(factor), each.truth, each.image, each.scores
    )
    before, after = (measured(w, "max_logit")["auroc"] for w in (each, scaled))
    assert max(before.lo, after.lo) <= min(before.hi, after.hi) + EXACT
    if factor in (0.25, 0.5, 2.0, 8.0):  # powers of two move no bit of the mantissa
        assert after.value == before.value


@given(seed=st.integers(0, 999))
@settings(max_examples=10, deadline=None)
def test_unknown_and_void_pixels_count_for_nothing(seed):
    each = world(seed, pixels=120, scores=("msp",), unknown=0.3, void=0.3)
    assert measured(each, "msp") == measured(each.only(each.known), "msp")

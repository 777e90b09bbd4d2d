"""Scores: every one in the registry, on pixels that show its definition and its limits."""

import math

import numpy as np
import pytest
from helpers.worlds import SCORES as NAMES
from scipy.special import logsumexp, softmax
from scipy.stats import entropy

from reliseg.errors import ConfigError
from reliseg.models.image_predictor import SCORES_OF_MASKS, SCORES_OF_MEANS
from reliseg.scores import SCORES
from reliseg.stats.built_in_scores import BUILT_IN_SCORES, confidences
from reliseg.testing import check_score

every_score = pytest.mark.parametrize("name", [n for n in SCORES.names() if not SCORES.get(n).given_by_model])

DEFINITIONS = {
    "msp": lambda z: softmax(z, axis=0).max(axis=0),
    "neg_entropy": lambda z: -entropy(softmax(z, axis=0), axis=0),
    "margin": lambda z: -np.diff(np.sort(softmax(z, axis=0), axis=0)[:-3:-1], axis=0)[0],
    "max_logit": lambda z: z.max(axis=0),
    "neg_energy": lambda z: logsumexp(z, axis=0),
}


def logits(seed=0, classes=6, pixels=200, spread=3.0):
    return np.random.default_rng(seed).normal(0, spread, (classes, pixels))


def test_each_built_in_score_has_a_definition_by_its_own_name():
    built_in = {name for name in SCORES.names() if SCORES.get(name).built_in}
    assert built_in == set(BUILT_IN_SCORES) == set(NAMES) == set(DEFINITIONS)
    assert {name: SCORES.get(name).name for name in built_in} == {name: name for name in built_in}


@every_score
@pytest.mark.parametrize("spread", [0.0, 0.01, 3.0, 12.0])
def test_it_is_its_definition(name, spread):
    z = logits(spread=spread)
    # 1e-12: float64 on both sides, sums in another order
    np.testing.assert_allclose(SCORES.get(name)()(z), DEFINITIONS[name](z), rtol=1e-12, atol=1e-12)


@every_score
def test_it_obeys_the_laws_of_scores(name):
    check_score(SCORES.get(name)())


@every_score
def test_a_larger_margin_is_surer(name):
    """The other logits stay as they are."""
    gaps = np.linspace(0, 15, 60)
    values = SCORES.get(name)()(np.stack([gaps, np.zeros(60), np.full(60, -1.0)]))
    assert (np.diff(values) > 0).all()


@pytest.mark.parametrize(
    ("name", "low", "high"), [("msp", 1 / 6, 1), ("neg_entropy", -math.log(6), 0), ("margin", 0, 1)]
)
def test_its_range_is_reached_at_both_ends(name, low, high):
    z = np.stack([[0.0, 800.0], *[[0.0, 0.0]] * 5])
    assert SCORES.get(name)()(z) == pytest.approx([low, high], abs=1e-15)
    values = SCORES.get(name)()(logits(spread=20))
    assert (values >= low).all()
    assert (values <= high).all()


@every_score
def test_the_reference_computes_the_same_by_name(name):
    z = logits(2)
    np.testing.assert_array_equal(SCORES.get(name)()(z), confidences(z)[name])


def test_hyphens_and_unknown_names():
    assert SCORES.get("neg-entropy") is SCORES.get("neg_entropy")
    with pytest.raises(ConfigError, match="did you mean 'neg_energy'"):
        SCORES.get("negenergy")


def test_scores_that_come_with_predictions_are_no_functions_of_logits():
    given = {name for name in SCORES.names() if SCORES.get(name).given_by_model}
    assert given == {*SCORES_OF_MASKS, *SCORES_OF_MEANS}
    for name in given:
        assert SCORES.get(name).comes_with
        with pytest.raises(TypeError, match="comes with predictions"):
            SCORES.get(name)()(logits())

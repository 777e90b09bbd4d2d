"""NLL and Brier score against plain definitions and scikit-learn."""

import math
from dataclasses import replace

import numpy as np
import pytest
from helpers.metric_values import UNITS, known_pixels, values_of
from helpers.worlds import WORLDS, of_pixels
from sklearn.metrics import log_loss

from reliseg.metrics.families.likelihood import Likelihood

every_world = pytest.mark.parametrize("each", WORLDS.values(), ids=WORLDS)


@every_world
def test_likelihood_is_its_definition(each):
    _, _, truth, _ = known_pixels(each)
    p = each.probabilities[:, each.known]
    values = values_of(Likelihood(), each)
    brier = sum((p[c, i] - (truth[i] == c)) ** 2 for i in range(len(truth)) for c in range(len(p))) / len(truth)
    assert values["brier", ""].value == pytest.approx(brier, abs=UNITS)
    nll = values["nll", ""]
    if 2 not in each.groups and 2 in truth:
        assert np.isnan(nll.value)
        assert "class-2" in nll.why
    else:
        columns = list(range(each.classes + 1))
        assert nll.value == pytest.approx(log_loss(truth, p.T, labels=columns), abs=UNITS)


def test_an_unreachable_class_without_pixels_leaves_nll_defined():
    each = WORLDS["unreachable"]
    kept = each.only(each.truth != 2)
    assert not np.isnan(values_of(Likelihood(), kept)["nll", ""].value)


@pytest.mark.parametrize(("truth", "nll", "brier"), [(0, math.log(2), 0.5), (1, math.log(2), 0.5)])
def test_likelihood_of_one_undecided_pixel(truth, nll, brier):
    values = values_of(Likelihood(), of_pixels([[0.0], [0.0]], [truth]))
    assert values["nll", ""].value == pytest.approx(nll, abs=UNITS)
    assert values["brier", ""].value == pytest.approx(brier, abs=UNITS)


def test_nll_is_undefined_where_a_label_has_probability_0():
    state = of_pixels([[2.0, 0.0], [0.0, 1.0]], [0, 1]).domain()
    losses = replace(state.pixels.losses, impossible=np.array([1], np.int64))
    values = {
        v.metric: v for v in Likelihood().compute(replace(state, pixels=replace(state.pixels, losses=losses)), None)
    }
    assert np.isnan(values["nll"].value)
    assert values["nll"].why == "the label has probability 0 in 1 counted pixel, so it is infinite"
    assert values["brier"].value > 0

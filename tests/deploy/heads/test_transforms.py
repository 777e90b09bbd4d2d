"""Maps, mixtures and other confidences in torch are those that are counted."""

import numpy as np
import pytest
from helpers.heads import assert_agrees, prediction_with
from helpers.worlds import space

from reliseg.calibration.methods.cms import MappedByClass
from reliseg.calibration.methods.cms_ap import MarginsByClass
from reliseg.calibration.methods.cms_op import GapsByClass
from reliseg.calibration.methods.dirichlet import DirichletMap
from reliseg.calibration.methods.ensemble_ts import ScaledEnsemble
from reliseg.calibration.methods.histogram import Binned
from reliseg.calibration.methods.isotonic import Monotone
from reliseg.calibration.methods.vector import ScaledVector

GROUPS = {"groups": (0, 1, 1, 3, -1, 0), "classes": 6, "target": space(4)}
LIVE = (0, 1, 3, 4)
"""The columns that some class goes to, of five: nothing goes to class 2."""


def both(calibration, atol=2e-5):
    assert_agrees(calibration, prediction_with(1, classes=4), atol)
    assert_agrees(calibration, prediction_with(2, **GROUPS), atol)


def test_a_scale_and_a_bias_for_each_class():
    both(ScaledVector((0.5, 1.0, 1.5, 0.7, 1.1), (0.3, -0.2, 0.1, 0.0, -0.4)))


def test_a_linear_map_of_log_probabilities():
    weights = np.eye(5) + np.random.default_rng(0).normal(0, 0.2, (5, 5))
    both(DirichletMap(tuple(map(tuple, weights.tolist())), (0.3, -0.2, 0.1, 0.0, -0.4)))


@pytest.mark.parametrize("kind", [MappedByClass, MarginsByClass, GapsByClass])
def test_a_map_for_each_predicted_class(kind):
    g, k = np.random.default_rng(1), 4 - kind.form.is_non_negative
    weights = np.eye(k) * 0.6 + g.uniform(0, 0.3, (3, k, k))
    biases = g.uniform(0, 0.3, (3, k))
    for live, prediction in (
        ((0, 1, 2, 3), prediction_with(3)),
        (LIVE, prediction_with(4, **GROUPS)),
    ):
        calibration = kind(
            columns=5,
            live=live,
            temperature=1.7,
            predicted=live[:3],
            weights=tuple(tuple(map(tuple, w)) for w in weights.tolist()),
            biases=tuple(map(tuple, biases.tolist())),
        )
        assert_agrees(calibration, prediction, atol=1e-4)


@pytest.mark.parametrize("weights", [(0.5, 0.3, 0.2), (1.0, 0.0, 0.0), (0.0, 0.2, 0.8)])
def test_a_mixture_of_scaled_unscaled_and_uniform_probabilities(weights):
    both(ScaledEnsemble(2.0, weights))


def test_the_accuracy_of_a_bin_of_confidence():
    both(Binned((0.0, 0.3001, 0.6001, 0.9001, 1.0), (0.2, 0.5, 0.7, 0.95)), atol=1e-4)
    both(Binned((0.0, 1.0), (1.0,)))


def test_a_rising_line_of_confidence():
    both(Monotone((0.2, 0.5, 0.8, 0.999), (0.1, 0.4, 0.5, 1.0)), atol=1e-3)  # the last piece is steep
    both(Monotone((0.5,), (0.7,)))

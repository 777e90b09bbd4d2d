"""The scales on which intervals are made: there and back, and never outside a number's range."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from reliseg.intervals import Scale


@given(st.floats(1e-9, 1 - 1e-9))
def test_the_logit_between_0_and_1_is_that_of_scipy_and_comes_back(p):
    scale = Scale("logit", 0, 1)
    place = float(scale.forward(np.array(p)))
    assert place == pytest.approx(logit(p), rel=1e-9, abs=1e-9)
    assert scale.back(place) == pytest.approx(expit(place), rel=1e-12)


def test_a_percentage_between_minus_and_plus_100_is_the_share_of_its_way():
    scale = Scale("logit", -100, 100)
    assert float(scale.forward(np.array(50.0))) == pytest.approx(logit(0.75))
    assert scale.back(float(logit(0.75))) == pytest.approx(50)


@given(st.floats(1e-9, 1e6))
def test_the_logarithm_comes_back(x):
    scale = Scale("log", 0)
    assert scale.back(float(scale.forward(np.array(x)))) == pytest.approx(x, rel=1e-12)


@given(st.floats(-1e300, 1e300))
def test_no_place_is_outside_the_range(place):
    for scale in (Scale("logit", 0, 1), Scale("log", 0, 1), Scale("identity", -1, 1)):
        assert scale.low <= scale.back(place) <= scale.high


@pytest.mark.parametrize(("link", "values"), [("logit", [0.0, 0.5]), ("logit", [0.5, 1.0]), ("log", [0.0, 0.5])])
def test_a_value_at_the_end_of_the_range_has_no_place_on_the_link(link, values):
    assert Scale(link, 0, 1).for_values(np.array(values)) == Scale("identity", 0, 1)


def test_values_inside_the_range_keep_the_link():
    assert Scale("logit", 0, 1).for_values(np.array([0.1, 0.9]), np.array([0.5])).link == "logit"
    assert Scale("log", 0).for_values(np.array([0.1, 5.0])).link == "log"

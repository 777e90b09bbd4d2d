"""Adaptive ECE and the KS error against definitions in plain loops."""

import math
from dataclasses import replace

import numpy as np
import pytest
from helpers import textbook
from helpers.metric_values import UNITS, known_pixels, values_of
from helpers.worlds import WORLDS, of_pixels, world
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.metrics.cumulative import CumulativePath
from reliseg.metrics.families.cumulative_error import CumulativeError, _group_count

ODDS = 2.0**-24 + UNITS
"""Fine bins are of float32 odds: a pixel's confidence may lie this far beyond an edge of its bin."""

every_world = pytest.mark.parametrize("each", WORLDS.values(), ids=WORLDS)


@every_world
def test_cumulative_errors_are_their_definitions_with_fine_bins_as_ties(each):
    msp, right, _, _ = known_pixels(each)
    key = each.tied("msp")[each.known]
    values = values_of(CumulativeError(), each)
    adaptive, used = textbook.adaptive_ece(key, msp, right)
    assert values["ada_ece", ""].value == pytest.approx(adaptive, abs=UNITS)
    assert values["ada_ece_bins", ""].value == used
    assert values["ks", ""].value == pytest.approx(textbook.kolmogorov_smirnov(key, msp, right), abs=UNITS)


@given(
    levels=st.lists(st.tuples(st.integers(1, 12), st.integers(0, 12)), min_size=1, max_size=20),
)
@settings(max_examples=60, deadline=None)
def test_adaptive_error_of_ties_whose_accuracy_jumps(levels):
    """Each level of confidence has so many right and wrong pixels: ties across boundaries matter to the sum."""
    gaps = np.concatenate([[0.2 * (i + 1)] * (right + wrong) for i, (right, wrong) in enumerate(levels)])
    truth = np.concatenate([[0] * right + [1] * wrong for right, wrong in levels]).astype(int)
    each = of_pixels([gaps, np.zeros(len(gaps))], truth, scores=("msp",))
    msp, right, _, _ = known_pixels(each)
    values = values_of(CumulativeError(), each)
    adaptive, used = textbook.adaptive_ece(gaps, msp, right)
    assert values["ada_ece", ""].value == pytest.approx(adaptive, abs=UNITS)
    assert values["ada_ece_bins", ""].value == used
    assert values["ks", ""].value == pytest.approx(textbook.kolmogorov_smirnov(gaps, msp, right), abs=UNITS)
    assert_brackets_hold(each)


@every_world
def test_cumulative_brackets_hold_the_exact_value_of_sorted_pixels(each):
    assert_brackets_hold(each)


@given(
    seed=st.integers(0, 9999),
    pixels=st.integers(1, 60),
    spread=st.sampled_from([0.0, 1e-4, 2e-3, 0.05, 4.0]),
    step=st.sampled_from([0.0, 0.001]),
)
@settings(max_examples=60, deadline=None)
def test_cumulative_brackets_hold_where_many_pixels_share_a_bin(seed, pixels, spread, step):
    """Little spread puts distinct confidences into one fine bin."""
    each = world(seed, classes=2, images=1, pixels=pixels, spread=spread, step=step, void=0, unknown=0, scores=("msp",))
    assert_brackets_hold(each)


def assert_brackets_hold(each):
    msp, right, _, _ = known_pixels(each)
    key = each.surety("msp")[each.known]
    values = values_of(CumulativeError(), each)
    adaptive, used = textbook.adaptive_ece(key, msp, right)
    exact = {"ada_ece": adaptive, "ada_ece_bins": used, "ks": textbook.kolmogorov_smirnov(key, msp, right)}
    # each of the 14 boundaries of adaptive ECE is read twice
    slack = {"ada_ece": 28 * ODDS, "ada_ece_bins": 0, "ks": ODDS}
    for name, number in exact.items():
        value = values[name, ""]
        assert value.lo - slack[name] <= number <= value.hi + slack[name], name
        assert value.lo <= value.value <= value.hi, name


@pytest.mark.parametrize("name", ["ada_ece", "ks"])
def test_cumulative_brackets_are_narrow_where_bins_are(name):
    """A boundary falls into a bin of one or two pixels of 320."""
    value = values_of(CumulativeError(), WORLDS["plain"])[name, ""]
    assert value.hi - value.lo < 0.02


def test_one_tie_of_all_pixels_is_one_adaptive_bin():
    """All confidences are equal: 'ada_ece' and 'ks' are |accuracy - confidence|."""
    values = values_of(CumulativeError(), of_pixels([[1.0] * 40, [0.0] * 40], [0] * 10 + [1] * 30))
    gap = abs(0.25 - 1 / (1 + math.exp(-1)))
    assert values["ada_ece_bins", ""].value == 1
    assert values["ada_ece", ""].value == pytest.approx(gap, abs=UNITS)
    assert values["ks", ""].value == pytest.approx(gap, abs=UNITS)


def test_a_tie_across_a_boundary_goes_to_the_bin_of_its_first_pixel():
    """15 distinct confidences would fill 15 bins; a tie of the third to sixth leaves bins 4 to 6 empty."""
    gaps = np.linspace(0.5, 5, 15)
    gaps[2:6] = gaps[2]
    each = of_pixels([gaps, np.zeros(15)], [0] * 15)
    assert values_of(CumulativeError(), each)["ada_ece_bins", ""].value == 12


@pytest.mark.parametrize("pixels", [1, 2, 14, 15, 16, 29, 31])
def test_adaptive_bins_of_few_pixels(pixels):
    gaps = np.linspace(0.5, 5, pixels)
    each = of_pixels([gaps, np.zeros(pixels)], [i % 2 for i in range(pixels)])
    msp, right, _, _ = known_pixels(each)
    values = values_of(CumulativeError(), each)
    adaptive, used = textbook.adaptive_ece(msp, msp, right)
    assert used == min(pixels, 15)
    assert values["ada_ece_bins", ""].value == used
    assert values["ada_ece", ""].value == pytest.approx(adaptive, abs=UNITS)


def test_bins_that_may_be_one_tie_may_lie_in_one_group():
    known, none = np.array([[4, 5], [16, 5]]), np.zeros(2)
    path = CumulativePath.rising(known, none, (none, none), np.array([0.0, 1.0]), np.array([False, True]))
    assert _group_count(path) == (2, 1, 15)
    apart = replace(path, tied=np.array([False, False]))
    assert _group_count(apart) == (2, 2, 15)

"""Jackknife intervals: by their definition, against known errors, and where no interval is honest."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reliseg.intervals import Scale, Spread, jackknife


def left_means(values):
    return (values.sum() - values) / (len(values) - 1)


@given(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=30).filter(lambda v: np.ptp(v) > 1e-3))
def test_the_error_of_a_mean_is_its_standard_error(values):
    values = np.array(values)
    assert Spread.of(left_means(values)).error == pytest.approx(stats.sem(values), rel=1e-6)


def test_the_interval_of_a_mean_is_that_of_student_with_fewer_degrees_of_freedom_where_few_values_decide():
    values = np.random.default_rng(0).normal(size=200)
    mean = values.mean()
    found = jackknife(mean, mean, [left_means(values)], Scale())
    low, high = stats.t.interval(0.95, 199, mean, stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high), rel=0.02, abs=0.002)
    assert Spread.of(left_means(np.append(values, 30.0))).freedom < 5


def test_the_degrees_of_freedom_are_two_n_over_the_excess_of_the_kurtosis_within_2_and_n_less_1():
    left = np.random.default_rng(1).exponential(size=50)
    kurtosis = stats.kurtosis(left, fisher=False)
    assert Spread.of(left).freedom == pytest.approx(np.clip(100 / (kurtosis - 1), 2, 49))
    assert Spread.of(np.array([0.0, 1.0] * 5)).freedom == 9
    assert Spread.of(np.array([0.0] * 99 + [1.0])).freedom == pytest.approx(
        200 / (stats.kurtosis([0] * 99 + [1], fisher=False) - 1), rel=0.1
    )


def test_the_interval_lies_about_the_value_that_is_known_best():
    left = np.array([0.52, 0.5, 0.48, 0.5])
    one = jackknife(0.5, 0.5, [left], Scale())
    other = jackknife(0.6, 0.5, [left], Scale())
    assert (other.low, other.high) == pytest.approx((one.low + 0.1, one.high + 0.1))


def test_the_error_of_a_number_of_two_samples_is_that_of_both():
    random = np.random.default_rng(2)
    a, b = random.normal(size=40), random.normal(1, 3, size=60)
    value = a.mean() - b.mean()
    found = jackknife(value, value, [left_means(a) - b.mean(), a.mean() - left_means(b)], Scale())
    half = (found.high - found.low) / 2
    welch = stats.ttest_ind(a, b, equal_var=False).confidence_interval()
    assert half == pytest.approx((welch.high - welch.low) / 2, rel=0.05)


@pytest.mark.parametrize(
    ("left", "why"),
    [
        ([0.5], "one unit alone does not tell how others vary"),
        ([0.5, np.nan, 0.4], "it is undefined where one unit is left out"),
        ([0.5, 0.5, 0.5], "it stays the same whichever unit is left out"),
    ],
)
def test_there_is_no_interval_and_a_reason(left, why):
    found = jackknife(0.5, 0.5, [np.array(left)], Scale("logit", 0, 1))
    assert np.isnan([found.low, found.high]).all()
    assert found.note == why


def test_an_interval_that_a_few_units_decide_is_doubted():
    left = np.full(100, 0.5) + np.random.default_rng(3).normal(0, 1e-4, 100)
    assert not jackknife(0.5, 0.5, [left], Scale()).doubt
    left[:3] = [0.49, 0.48, 0.51]
    assert jackknife(0.5, 0.5, [left], Scale()).note == "2 of 100 units decide this number"


@pytest.mark.parametrize(
    ("units", "outliers", "deciding", "doubted"),
    [(50, 3, 3, True), (50, 8, 7, False), (500, 9, 8, True), (500, 12, 10, False)],
)
def test_fewer_than_8_percent_and_than_9_units_that_decide_a_number_are_few(units, outliers, deciding, doubted):
    left = np.full(units, 0.5) + np.random.default_rng(3).normal(0, 1e-5, units)
    left[:outliers] += np.resize([0.01, -0.01], outliers)
    spread = Spread.of(left)
    assert (spread.deciding, spread.units, bool(spread.doubt())) == (deciding, units, doubted)


def test_normal_numbers_are_seldom_doubted():
    random = np.random.default_rng(4)
    doubted = [bool(Spread.of(random.normal(size=n)).doubt()) for n in (20, 50, 100, 500) for _ in range(200)]
    assert np.mean(doubted) < 0.01


def test_the_interval_of_a_share_stays_within_its_range():
    random = np.random.default_rng(5)
    shares = random.beta(0.1, 8, size=12)
    mean = shares.mean()
    found = jackknife(mean, mean, [left_means(shares)], Scale("logit", 0, 1))
    assert 0 < found.low < mean < found.high < 1

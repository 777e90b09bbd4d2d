"""A difference of two numbers: paired on the same units, as of independent samples else, and none without units."""

import math

import numpy as np
import pytest
from helpers.result_rows import lefts_of, result_row, write_run
from scipy import stats

from reliseg.report.compare.difference import Difference, differ_between, difference_of, have_one_reference
from reliseg.results.replicates import Replicates

RNG = np.random.default_rng(1)
EASE = RNG.normal(0.5, 0.1, 40)
FIRST = EASE + RNG.normal(0.02, 0.01, 40)
SECOND = EASE + RNG.normal(0, 0.01, 40)


def difference(first, second, **other):
    rows = [result_row(float(np.mean(numbers))) for numbers in (first, second)]
    return difference_of(*rows, lefts_of(first), lefts_of(second, **other))


def test_on_the_same_images_it_is_the_mean_of_differences_with_their_own_interval():
    found = difference(FIRST, SECOND)
    assert found.paired
    assert found.units == "40 images"
    assert found.value == pytest.approx(np.mean(FIRST - SECOND))
    paired = stats.ttest_rel(FIRST, SECOND).confidence_interval()
    assert (found.low, found.high) == pytest.approx(tuple(paired), abs=0.001)


def test_on_other_images_it_is_that_of_independent_samples():
    found = difference(FIRST, SECOND, names=[f"other {i}" for i in range(40)])
    assert not found.paired
    assert found.units == "40 images and 40 images"
    apart = stats.ttest_ind(FIRST, SECOND, equal_var=False).confidence_interval()
    assert (found.low, found.high) == pytest.approx(tuple(apart), abs=0.01)
    assert found.p == pytest.approx(stats.ttest_ind(FIRST, SECOND, equal_var=False).pvalue, abs=0.1)


def test_a_doubt_of_either_number_is_one_of_the_difference():
    found = difference(FIRST, SECOND, doubt="the class stands in 2 of 40 images")
    assert found.note == "the class stands in 2 of 40 images"
    assert not math.isnan(found.low)


def test_without_units_there_is_a_value_and_a_reason():
    row, minus = result_row(0.3, ci_note="one image alone"), result_row(0.2)
    assert difference_of(row, minus, None, None).note == "one image alone"
    found = difference_of(minus, row, lefts_of(FIRST), None)
    assert (found.value, found.note) == (pytest.approx(-0.1), "one image alone")
    assert math.isnan(found.low)
    assert difference_of(minus, minus, None, None).note == "the run keeps nothing of single images for it"


def test_brackets_of_both_are_in_the_difference():
    row, minus = result_row(0.3, lo=0.2, hi=0.5), result_row(0.2, lo=0.1, hi=0.25)
    found = difference_of(row, minus, None, None)
    assert (found.lo, found.hi) == (pytest.approx(-0.05), pytest.approx(0.4))


def test_the_other_way_round_all_of_it_is():
    found = Difference(1.0, 0.5, 2.0, 0.25, 3.0, 0.01, True, "4 images", "a")
    assert found.times(1) == found
    assert found.times(-1) == Difference(-1.0, -2.0, -0.5, -3.0, -0.25, 0.01, True, "4 images", "a")


def test_rows_of_runs_are_compared_by_what_the_runs_keep(tmp_path):
    new, old = result_row(float(FIRST.mean())), result_row(float(SECOND.mean()))
    write_run(tmp_path / "new", (new, lefts_of(FIRST)))
    write_run(tmp_path / "old", (old, lefts_of(SECOND)))
    found = differ_between(Replicates(tmp_path / "new"), Replicates(tmp_path / "old"))(new, old)
    exact = difference(FIRST, SECOND)
    assert found.paired
    assert (found.low, found.high, found.p) == pytest.approx((exact.low, exact.high, exact.p), rel=1e-4)
    same = differ_between(Replicates(tmp_path / "new"), Replicates(tmp_path / "new"))(new, new)
    assert (same.value, same.low, same.high, same.p) == (0, 0, 0, 1)


def test_numbers_that_need_a_reference_have_the_same_one():
    a, b, none = (result_row(reference=name) for name in ("s/day", "s/noon", ""))
    assert have_one_reference(a, a)
    assert have_one_reference(a, none)
    assert not have_one_reference(a, b)

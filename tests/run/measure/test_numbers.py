"""Rows get their interval from the replicates of their number, or the reason why there is none."""

import math
from dataclasses import replace

import numpy as np
import pytest

from reliseg.intervals import Scale
from reliseg.metrics.replicates import Replicates
from reliseg.results import NAN, Origin, Row, Value
from reliseg.results.replicates import FOLDER, UnitSet
from reliseg.results.replicates import Replicates as Stored
from reliseg.run.measure.numbers import Number, mean_number, with_intervals, write_replicates_of

LEFT = np.linspace(0.45, 0.55, 20)
UNITS = UnitSet("images", tuple(map(str, range(20))), ("",) * 20)


def number(value=0.5, left=LEFT, units=UNITS, doubt="", centre=0.5):
    row = Row.of(Origin("net", "street", "day"), Value.exact("ece", value, "d"), n_images=20, n_pixels=9)
    found = None if left is None else Replicates("ece", centre, (left,), doubt=doubt)
    return Number(row, Scale("logit", 0, 1), found, (units,) if units else (), "it has none")


def test_the_interval_stands_in_the_row_with_its_units():
    row = with_intervals([number()])[0].row
    assert 0 < row.ci_low < 0.5 < row.ci_high < 1
    assert (row.ci_units, row.n_units, row.ci_note) == ("images", 20, "")


def test_what_has_no_replicates_says_why_and_what_is_undefined_says_it_already():
    row = with_intervals([number(left=None)])[0].row
    assert math.isnan(row.ci_low)
    assert (row.ci_units, row.ci_note) == ("images", "it has none")
    undefined = number()
    undefined = undefined._replace(row=replace(undefined.row, value=NAN, why="no pixel"))
    assert with_intervals([undefined])[0].row.ci_note == ""


def test_doubts_stand_beside_the_interval_the_one_about_a_class_first():
    few = UnitSet("scenes", tuple("abcdef"), ("",) * 6)
    assert with_intervals([number(left=LEFT[:6], units=few)])[0].row.ci_note == "only 6 scenes"
    row = with_intervals([number(doubt="car stands in 3 of 20 images")])[0].row
    assert row.ci_note == "car stands in 3 of 20 images"
    assert row.ci_low < row.ci_high


def test_a_domain_without_units_has_no_interval_and_says_nothing():
    row = number(units=None).row
    assert with_intervals([number(units=None)])[0].row == row or math.isnan(row.ci_low)
    assert with_intervals([number(units=None)])[0].row.ci_units == ""


def test_stored_replicates_lie_about_the_value_that_is_known_best(tmp_path):
    best = number(value=0.6)
    write_replicates_of(tmp_path / FOLDER, [best])
    np.testing.assert_allclose(Stored(tmp_path).of(best.row).values[0], LEFT + 0.1, atol=1e-8)


def test_the_interval_of_a_mean_over_seeds_is_that_of_the_mean_of_replicates():
    one, other = number(0.5), number(0.7, left=LEFT[::-1] + 0.2, centre=0.7)
    row = replace(one.row, value=0.6, ci_low=0.1, ci_high=0.2)
    found = mean_number(row, [one, other])
    assert math.isnan(found.row.ci_low)  # what one seed gains the other loses: nothing is left
    assert found.row.ci_note == "it stays the same whichever image is left out"
    found = mean_number(row, [one, one])
    assert found.row.ci_low < 0.6 < found.row.ci_high
    undefined = mean_number(replace(row, why="for 1 of 2 seeds: no pixel", value=NAN), [one, other])
    assert math.isnan(undefined.row.ci_low)
    assert undefined.replicates is None


@pytest.mark.parametrize("lost", [0, 3])
def test_skipped_images_are_counted(lost):
    assert number().skipping(lost).row.skipped == lost

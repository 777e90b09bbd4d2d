from math import inf, nan

import pytest

from reliseg.report.page.numbers import rounded_count, scaled, scaled_finely, steps, whole


def test_values_keep_four_digits_of_the_largest_and_undefined_ones_are_none():
    unit, values = scaled([0.123456, -0.00004, nan, inf])
    assert [None if v is None else round(v * unit, 6) for v in values] == [0.1235, -0.0, None, None]


def test_a_few_values_keep_more_than_is_shown_so_that_they_are_rounded_once():
    unit, (value, small) = scaled_finely([0.71646, 0.00004])
    assert f"{value * unit:.3f}" == "0.716"  # by way of 0.7165 it would be 0.717
    assert small * unit == pytest.approx(0.00004, rel=1e-6)
    many = [0.71646, *[0.0] * 2000]
    assert scaled_finely(many) == scaled(many)
    assert scaled([0.0, nan]) == (1.0, [0, None])
    assert whole([0.5, nan], 0.1) == [5, None]


def test_counts_keep_four_digits_and_steps_add_up_again():
    assert rounded_count(123456) == 123500
    assert steps([3, 5, 4]) == [3, 2, -1]

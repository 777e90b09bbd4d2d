"""Sparse arrays, read in one pass."""

import numpy as np
import pytest

from reliseg.stats.filled.sparse import add_entries, filled_columns


def planes(steps, values, widths=(2, 2)):
    kinds = zip((steps, values), widths, strict=True)
    return np.concatenate([np.array(n, "<i8").view(np.uint8).reshape(-1, 8)[:, :w].T for n, w in kinds])


def test_values_are_added_at_their_places():
    into = np.array([1, 0, 0, 5])
    assert add_entries(planes([0, 3], [300, 2]), 2, into) == (True, 0)
    assert into.tolist() == [301, 0, 0, 7]


@pytest.mark.parametrize("steps", [[1, 0], [4], [2, 2], [0, 300]])
def test_places_out_of_order_or_beyond_the_end_are_no_array(steps):
    assert add_entries(planes(steps, [1] * len(steps)), 2, np.zeros(4, np.int64))[0] is False


def test_negative_steps_are_no_array_and_negative_values_are_told():
    assert not add_entries(planes([-1], [1], (8, 1)), 8, np.zeros(4, np.int64))[0]
    assert add_entries(planes([1], [-3], (1, 8)), 1, np.zeros(4, np.int64)) == (True, -3)


def test_columns_of_zeros_are_left_out():
    places, columns = filled_columns(np.array([[0, 2, 0, 0], [0, 0, 0, 1]]))
    assert places.tolist() == [1, 3]
    assert columns.tolist() == [[2, 0], [0, 1]]

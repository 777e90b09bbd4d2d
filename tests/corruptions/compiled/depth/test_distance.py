"""Distances from stored maps with holes."""

import numpy as np
import pytest

from reliseg.corruptions.compiled.depth.distance import along_rays, filled_metres

METRES = np.arange(65536, dtype=np.float32)
METRES[0] = -1


def filled(*rows):
    return filled_metres(np.array(rows, np.uint16), METRES).tolist()


def test_a_hole_gets_the_larger_depth_of_the_two_beside_it():
    assert filled([5, 0, 0, 9], [9, 0, 5, 0]) == [[5, 9, 9, 9], [9, 9, 5, 5]]


def test_holes_at_the_ends_of_a_row_get_the_only_one_beside_them():
    assert filled([0, 0, 7, 0]) == [[7, 7, 7, 7]]


def test_a_row_of_holes_is_that_above_it_and_the_first_ones_that_below():
    assert filled([0, 0], [0, 0], [3, 0], [0, 0], [4, 5], [0, 0]) == [[3, 3]] * 4 + [[4, 5]] * 2


def test_where_nothing_is_known_nothing_is_made_up():
    assert filled([0, 0], [0, 0]) == [[-1, -1]] * 2


def test_what_is_known_stays():
    stored = np.random.default_rng(0).integers(1, 65536, (9, 11)).astype(np.uint16)
    assert np.array_equal(filled_metres(stored, METRES), stored.astype(np.float32))


def test_along_the_axis_distance_is_depth_and_beside_it_more():
    metres = np.full((3, 4), 10, np.float32)
    metres[2, 3] = np.inf
    along_rays(metres, 2.0, 1.0, 1.0)
    assert metres[1, 1] == 10
    assert metres[0, 3] == pytest.approx(10 * np.sqrt(1 + 1 + 0.25))
    assert metres[2, 3] == np.inf

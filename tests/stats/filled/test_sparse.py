"""Sparse arrays, read in one pass; `tests/run/store/test_sparse_arrays.py` compares it with the reference."""

import numpy as np
import pytest
from helpers.sparse import REFUSED, stored_array

from reliseg.run.store.sparse_arrays import to_sparse
from reliseg.stats.bins import COARSE_BINS, ROLES
from reliseg.stats.filled.sparse import CoarseRows, add_arrays, add_rows, end_of_arrays, filled_columns


def add(content, into, *cells):
    return add_arrays(np.frombuffer(content, np.uint8), np.array(cells or [len(into)], np.int64), into)


def test_the_values_of_runs_are_added_at_their_places():
    into = np.array([1, 0, 0, 5, 0, 0])
    assert add(stored_array([0, 2], [1, 2], [300, 2, 70]), into) == (True, False)
    assert into.tolist() == [301, 0, 0, 7, 70, 0]


@pytest.mark.parametrize("width", range(1, 9))
@pytest.mark.parametrize("length", [1, 100])
def test_numbers_of_any_width_are_added(width, length):
    value = 0x1234567890ABCDEF & ((1 << 8 * width) - 1)
    into = np.arange(length + 1)
    assert add(stored_array([1], [length], [value] * length, (width, width, width)), into) == (True, False)
    assert into.tolist() == [0, *(i + value for i in range(1, length + 1))]


def test_arrays_stand_one_after_the_other_those_without_cells_too():
    into = np.zeros(5, np.int64)
    parts = (
        stored_array([1], [1], [4])
        + stored_array([], [], [])
        + stored_array([], [], [])
        + stored_array([0], [3], [5, 6, 7])
    )
    assert add(parts, into, 2, 0, 0, 3) == (True, False)
    assert into.tolist() == [0, 4, 5, 6, 7]


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_what_is_no_array_is_refused(content):
    beside = np.zeros(12, np.int64)
    assert add(content, beside[4:8])[0] is False
    assert not beside[:4].any()
    assert not beside[8:].any()


def test_a_run_of_more_values_than_there_are_is_not_added():
    into = np.zeros(4, np.int64)
    for content in (stored_array([0], [2], [7]), stored_array([0], [1], [7])[:-1]):
        assert add(content, into)[0] is False
        assert not into.any()


def test_arrays_of_fewer_cells_than_there_are_to_add_to_are_refused():
    assert add(stored_array([0], [1], [1]), np.zeros(5, np.int64), 4)[0] is False
    assert add(stored_array([0], [1], [1]), np.zeros(4, np.int64), 4, 0)[0] is False


@pytest.mark.parametrize("values", [[-3, 0, 0], [1, -1 << 63, 2], [5, 6, -1]])
def test_negative_values_are_told(values):
    into = np.zeros(4, np.int64)
    assert add(stored_array([1], [3], values, (1, 1, 8)), into) == (True, True)
    assert into.tolist() == [0, *values]
    for parts in (
        [stored_array([0], [3], values, (1, 1, 8)), stored_array([0], [3], [1, 1, 1])],
        [stored_array([], [], [])] * 2,
    ):
        for ordered in (parts, parts[::-1]):
            assert add(b"".join(ordered), np.zeros(6, np.int64), 3, 3) == (True, len(parts[0]) > 19)
    assert add(stored_array([1], [3], [1, 2, 1 << 62], (1, 1, 8)), np.zeros(4, np.int64)) == (True, False)


def coarse_rows(content, images=1, scores=1):
    return CoarseRows.of(np.frombuffer(content, np.uint8), images, scores)


@pytest.mark.parametrize("filled", [0.0, 0.002, 0.1, 1.0], ids=["nothing", "little", "a tenth", "all"])
@pytest.mark.parametrize("most", [1, 300, 1 << 24, (1 << 32) - 1])
@pytest.mark.parametrize("scores", [1, 3])
def test_coarse_bins_of_a_score_are_those_of_the_whole_table(filled, most, scores):
    g = np.random.default_rng(most)
    table = g.integers(1, most, (5, scores, ROLES, COARSE_BINS), endpoint=True)
    table *= g.random((5, 1, 1, COARSE_BINS)) < filled
    rows = coarse_rows(to_sparse(table), 5, scores)
    for number in range(scores):
        for roles in (ROLES - 1, ROLES):
            counts = table[:, number, :roles].astype(np.uint32)
            bins, found = rows.filled(number, roles)
            np.testing.assert_array_equal(bins, np.flatnonzero(counts.any(axis=(0, 1))), strict=True)
            np.testing.assert_array_equal(found, counts[:, :, bins], strict=True)


def test_a_bin_of_which_only_other_scores_images_or_roles_hold_pixels_is_left_out_or_zero():
    table = np.zeros((2, 2, ROLES, COARSE_BINS), np.int64)
    table[0, 0, 3, 1], table[1, 1, 0, 2], table[1, 0, 0, 511], table[0, 0, 1, 0], table[0, 1, 0, 0] = 1, 2, 3, 4, 5
    rows = coarse_rows(to_sparse(table), 2, 2)
    bins, counts = rows.filled(0, 3)
    assert (bins.tolist(), counts.tolist()) == ([0, 511], [[[0, 0], [4, 0], [0, 0]], [[0, 3], [0, 0], [0, 0]]])
    assert rows.filled(0, 4)[0].tolist() == [0, 1, 511]
    assert rows.filled(1, 3)[0].tolist() == [0, 2]


def test_there_are_no_coarse_bins_without_images_or_scores():
    for images, scores in ((0, 2), (0, 0)):
        bins, counts = coarse_rows(stored_array([], [], []), images, scores).filled(0, 3)
        assert (len(bins), counts.shape) == (0, (images, 3, 0))


CELLS = ROLES * COARSE_BINS


@pytest.mark.parametrize(
    "content",
    [c for what, c in REFUSED.items() if "the end" not in what]
    + [stored_array([CELLS], [1], [1], (2, 1, 1)), stored_array([CELLS - 1], [2], [1, 1], (2, 1, 1))]
    + [stored_array([0], [1], [1 << 32], (1, 1, 5)), stored_array([0], [1], [-1], (1, 1, 8))],
)
def test_what_is_no_table_of_coarse_bins_is_refused(content):
    with pytest.raises(ValueError, match="not in order"):
        coarse_rows(content)


def test_arrays_end_where_the_next_begins():
    arrays = [stored_array([0, 1], [1, 1], [1, 2]), stored_array([], [], []), stored_array([1], [1], [1], (8, 8, 8))]
    content = np.frombuffer(b"".join(arrays), np.uint8)
    ends = np.cumsum([len(array) for array in arrays]).tolist()
    assert [end_of_arrays(content, 0, number) for number in range(4)] == [0, *ends]
    assert end_of_arrays(content, ends[0], 2) == ends[2]
    for number in (4, 5):
        assert end_of_arrays(content, 0, number) == -1
    assert end_of_arrays(content[:-1], 0, 3) == -1
    before = np.zeros(20, np.uint8)
    before[15:18] = 1  # what would be an array, if the last byte stood before the first
    assert end_of_arrays(before, -1, 1) == -1


@pytest.mark.parametrize("dtype", [np.uint32, np.float64])
def test_rows_are_added_to_those_of_their_groups_at_their_places(dtype):
    counts = np.array([[[1, 0]], [[2, 3]], [[4, 5]]], np.uint32)
    into = np.ones((2, 1, 4), dtype)
    add_rows(counts, np.array([1, 0, 1]), np.array([0, 2]), into)
    assert into.tolist() == [[[3, 1, 4, 1]], [[6, 1, 6, 1]]]


def test_columns_of_zeros_are_left_out():
    places, columns = filled_columns(np.array([[0, 2, 0, 0], [0, 0, 0, 1]]))
    assert places.tolist() == [1, 3]
    assert columns.tolist() == [[2, 0], [0, 1]]


@pytest.mark.parametrize("dtype", [np.int64, np.uint32])
@pytest.mark.parametrize("rows", [0, 1, 3])
def test_columns_with_anything_are_those_of_the_reference(dtype, rows):
    counts = np.random.default_rng(rows).binomial(3, 0.1, (rows, 200)).astype(dtype)
    counts[:, [0, 199]] = 1 << 31  # the ends, and the highest bit
    places, columns = filled_columns(counts)
    np.testing.assert_array_equal(places, np.flatnonzero(counts.any(axis=0)), strict=True)
    np.testing.assert_array_equal(columns, counts[:, counts.any(axis=0)], strict=True)
    assert filled_columns(np.zeros((rows, 4), dtype))[1].shape == (rows, 0)
    assert filled_columns(np.zeros((rows, 0), dtype))[1].shape == (rows, 0)

"""Arrays as bytes and back, by the reference and in one pass."""

import numpy as np
import pytest
from helpers.sparse import REFUSED, stored_array
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.run.store.sparse_arrays import BRIDGED, entries, most_bytes, of_cells, to_sparse
from reliseg.stats.filled.sparse import add_arrays


def one(content: bytes, cells: int) -> tuple[np.ndarray, np.ndarray]:
    (found,) = entries(content, [cells])
    return found


@pytest.mark.parametrize("values", [[], [0, 0], [7], [0, 7, 0, 1 << 40], [-1, 300, 0], [0, 0, -(1 << 63)]])
def test_nonzero_places_and_values_come_back(values: list[int]) -> None:
    array = np.array(values, np.int64)
    places, found = one(to_sparse(array), len(array))
    assert places.tolist() == np.flatnonzero(array).tolist()
    assert found.tolist() == array[array != 0].tolist()


STEPS = st.one_of(st.integers(1, 30), st.sampled_from([BRIDGED, BRIDGED + 1, BRIDGED + 2, 255, 256, 65_536, 70_000]))
ARRAYS = st.tuples(st.lists(st.tuples(STEPS, st.integers(1, 1 << 40)), max_size=40), st.integers(0, 20))


def filled(steps: list[tuple[int, int]], after: int) -> np.ndarray:
    """An array with these values so far apart, and some cells after the last one."""
    places = np.cumsum([step for step, _ in steps], dtype=np.int64) - 1
    array = np.zeros(int(places.max(initial=-1)) + 1 + after, np.int64)
    array[places] = [value for _, value in steps]
    return array


@given(st.lists(ARRAYS, max_size=4))
@settings(max_examples=200)
def test_both_readers_find_the_arrays_that_were_stored_one_after_the_other(parts: list) -> None:
    arrays = [filled(*part) for part in parts]
    content = b"".join(map(to_sparse, arrays))
    for (places, values), array in zip(entries(content, [len(a) for a in arrays]), arrays, strict=True):
        np.testing.assert_array_equal(places, np.flatnonzero(array))
        np.testing.assert_array_equal(values, array[array != 0])
    added = np.ones(sum(map(len, arrays)), np.int64)
    assert add_arrays(np.frombuffer(content, np.uint8), np.array([len(a) for a in arrays], np.int64), added)[0]
    np.testing.assert_array_equal(added, np.concatenate([np.zeros(0, np.int64), *arrays]) + 1)
    assert len(content) <= sum(most_bytes(len(array)) for array in arrays)


@given(st.lists(ARRAYS, min_size=1, max_size=3), st.data())
@settings(max_examples=500)
def test_both_readers_refuse_the_same_damage(parts: list, data: st.DataObject) -> None:
    arrays = [filled(*part) for part in parts]
    content = bytearray(b"".join(map(to_sparse, arrays)))
    kind = data.draw(st.sampled_from(["bit", "byte", "cut", "more", "cells"]))
    at = data.draw(st.integers(0, len(content) - 1) | st.integers(0, 30).map(lambda i: min(i, len(content) - 1)))
    cells = [len(array) for array in arrays]
    if kind == "bit":
        content[at] ^= 1 << data.draw(st.integers(0, 7))
    elif kind == "byte":
        content[at] = data.draw(st.integers(0, 255))
    elif kind == "cut":
        del content[at : at + data.draw(st.integers(1, 30))]
    elif kind == "more":
        content[at:at] = data.draw(st.binary(min_size=1, max_size=30))
    else:
        cells[data.draw(st.integers(0, len(cells) - 1))] += data.draw(st.integers(1, 3))
        cells = data.draw(st.permutations(cells))
    added = np.zeros(sum(cells), np.int64)
    is_whole, any_below = add_arrays(np.frombuffer(bytes(content), np.uint8), np.array(cells, np.int64), added)
    try:
        found = entries(bytes(content), cells)
    except ValueError:
        assert not is_whole
        return
    assert is_whole
    assert any_below == any((values < 0).any() for _, values in found)
    expected = np.zeros(sum(cells), np.int64)
    for first, (places, values) in zip(np.cumsum([0, *cells[:-1]]), found, strict=True):
        expected[first + places] = values
    np.testing.assert_array_equal(added, expected)


def test_few_cells_without_anything_do_not_end_a_run() -> None:
    array = np.zeros(100, np.int64)
    array[[3, 4 + BRIDGED]] = 1
    assert len(to_sparse(array)) == 19 + 2 + BRIDGED + 2
    array[:] = 0
    array[[3, 5 + BRIDGED]] = 1
    assert len(to_sparse(array)) == 19 + 2 * 2 + 2


def test_no_array_takes_more_than_it_may() -> None:
    apart = np.zeros(1001, np.int64)
    apart[:: BRIDGED + 2] = -1
    for array in (apart, np.full(1001, -1), np.zeros(0, np.int64), np.full(1, -1)):
        assert len(to_sparse(array)) <= most_bytes(len(array))


def test_places_beyond_the_cells_are_refused() -> None:
    content = of_cells(np.array([2]), np.array([1]))
    assert one(content, 3)[0].tolist() == [2]
    with pytest.raises(ValueError, match="place"):
        entries(content, [2])


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_what_is_no_array_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"array|widths|runs|place"):
        entries(content, [4])


def test_a_run_up_to_the_last_cell_is_an_array() -> None:
    assert one(stored_array([1], [3], [5, 6, 7]), 4)[0].tolist() == [1, 2, 3]

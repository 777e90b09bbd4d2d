"""Arrays as bytes and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.run.store.sparse_arrays import entries, planes_of, to_sparse
from reliseg.stats.filled.sparse import add_entries


@pytest.mark.parametrize("values", [[0, 0], [0, 7, 0, 1 << 40], [-1, 300, 0]])
def test_nonzero_places_and_values_come_back(values: list[int]) -> None:
    array = np.array(values, np.int64)
    places, found = entries(to_sparse(array), len(array))
    assert places.tolist() == np.flatnonzero(array).tolist()
    assert found.tolist() == array[array != 0].tolist()


STEPS = st.one_of(st.integers(1, 300), st.sampled_from([255, 256, 510, 511, 65_535, 65_536, 70_000]))


@given(st.booleans(), st.lists(STEPS, max_size=40), st.integers(1, 1 << 40))
@settings(max_examples=200)
def test_long_steps_are_parted_where_that_takes_fewer_bytes(at_zero: bool, steps: list[int], value: int) -> None:
    places = np.cumsum([0, *steps], dtype=np.int64)[0 if at_zero else 1 :]
    cells = int(places.max(initial=0)) + 1
    array = np.zeros(cells, np.int64)
    array[places] = value
    content = to_sparse(array)
    found, values = entries(content, cells)
    np.testing.assert_array_equal(found, np.flatnonzero(array))
    np.testing.assert_array_equal(values, array[array != 0])
    added = np.ones(cells, np.int64)
    assert add_entries(*planes_of(content), added) == (True, 0)
    np.testing.assert_array_equal(added, array + 1)
    planes = [-(-int(numbers.max(initial=0)).bit_length() // 8) for numbers in (np.diff(found, prepend=0), values)]
    assert len(content) <= 2 + len(found) * sum(max(1, width) for width in planes)


def test_one_long_step_does_not_widen_all() -> None:
    array = np.zeros(100_000, np.int64)
    array[:2000] = array[-1] = 1
    assert len(to_sparse(array)) == 2 + 2 * (2001 + (100_000 - 2001) // 255)


def test_places_beyond_the_cells_are_refused() -> None:
    content = to_sparse(np.array([0, 0, 1], np.int64))
    with pytest.raises(ValueError, match="place"):
        entries(content, 2)

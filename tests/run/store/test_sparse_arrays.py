"""Arrays as bytes and back."""

import numpy as np
import pytest

from reliseg.run.store.sparse_arrays import entries, to_sparse


@pytest.mark.parametrize("values", [[0, 0], [0, 7, 0, 1 << 40], [-1, 300, 0]])
def test_nonzero_places_and_values_come_back(values: list[int]) -> None:
    array = np.array(values, np.int64)
    places, found = entries(to_sparse(array), len(array))
    assert places.tolist() == np.flatnonzero(array).tolist()
    assert found.tolist() == array[array != 0].tolist()


def test_places_beyond_the_cells_are_refused() -> None:
    content = to_sparse(np.array([0, 0, 1], np.int64))
    with pytest.raises(ValueError, match="place"):
        entries(content, 2)

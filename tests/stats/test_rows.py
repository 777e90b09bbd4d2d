"""Maps that are computed some rows at a time: whole they are the array of these rows."""

import numpy as np
import pytest
from helpers.rows import StoredRows

from reliseg.stats.rows import row_blocks


@pytest.mark.parametrize("shape", [(1, 1, 1), (19, 37, 53), (150, 9, 2048), (3, 5, 1 << 22)])
@pytest.mark.parametrize("band", [slice(None), slice(2, 5), slice(0, 1)])
def test_blocks_of_rows_divide_a_band_and_are_small(shape, band):
    blocks = list(row_blocks(shape, band))
    assert [row for block in blocks for row in range(block.start, block.stop)] == list(range(shape[1]))[band]
    for block in blocks:
        rows = block.stop - block.start
        assert rows == 1 or shape[0] * shape[2] * rows <= 1 << 21


def test_rows_stand_where_an_array_of_logits_may():
    array = np.random.default_rng(0).normal(size=(3, 50, 70)).astype(np.float32)
    maps = StoredRows(array)
    assert (len(maps), maps.ndim, maps.size, maps.dtype) == (3, 3, 3 * 50 * 70, np.float32)
    np.testing.assert_array_equal(np.asarray(maps), array)
    assert np.asarray(maps, np.float64).dtype == np.float64
    assert maps.linear() is maps
    assert not maps.of_probabilities
    assert maps.magnitude() == abs(array).max()
    array[1, 2, 3] = np.nan
    assert np.isnan(maps.magnitude())

"""Rows that are collected one by one give the table that their union is."""

import numpy as np
import pytest
from helpers.worlds import world
from hypothesis import given
from hypothesis import strategies as st

from reliseg.stats.samples import SampleRows, SampleTable

WORLDS = {name: world(seed) for seed, name in enumerate(("b", "a", "c"))}


def row(name):
    return WORLDS[name].observe(sample=name)[1]


@given(st.permutations(sorted(WORLDS)), st.integers(0, 3))
def test_rows_in_any_order_are_their_union(names, count):
    layout = WORLDS["a"].layout
    rows, tables = SampleRows(layout), [SampleTable.empty(layout)]
    for name in names[:count]:
        rows.add(row(name))
        tables.append(row(name))
    found = rows.table()
    assert found == SampleTable.union(tables)
    assert all(column.dtype == np.int64 for column in found.arrays().values())


def test_no_image_has_two_rows():
    rows = SampleRows(WORLDS["a"].layout)
    rows.add(row("a"))
    with pytest.raises(ValueError, match="a has a row already"):
        rows.add(row("a"))

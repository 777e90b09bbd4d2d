"""Rows that are collected one by one give the table that their union is."""

import random
from dataclasses import replace

import numpy as np
import pytest
from helpers.kernel_images import assert_same_bytes
from helpers.worlds import world
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.stats import Layout
from reliseg.stats.samples import SampleRows, SampleTable

WORLDS = {name: world(seed) for seed, name in enumerate(("b", "a", "c"))}


def row(name):
    """An image of which a calibration changed some pixels."""
    return replace(WORLDS[name].observe(sample=name)[1], flips=np.array([[ord(name)]]))


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


LIGHT = ("msp", "max_logit")
"""Fine histograms are large; these two have sums of either sign."""


@given(
    seed=st.integers(0, 999), cuts=st.lists(st.integers(1, 39), max_size=3), shuffle=st.randoms(use_true_random=False)
)
@settings(max_examples=15, deadline=None)
def test_unions_of_tables_in_any_grouping_are_the_table_of_all_images(seed, cuts, shuffle: random.Random):
    each = world(seed, classes=3, pixels=40, images=6, scores=LIGHT)
    rows = [each.observe(np.flatnonzero(each.image == i), f"{(7 * i) % 6}")[1] for i in range(6)]
    whole = SampleTable.union(rows)
    assert list(whole.ids) == sorted(whole.ids)
    parts = list(rows)
    while len(parts) > 1:
        taken = [parts.pop(shuffle.randrange(len(parts))) for _ in range(min(len(parts), shuffle.randint(2, 3)))]
        parts.append(SampleTable.union(taken))
    assert parts[0].ids == whole.ids
    assert_same_bytes(parts[0], whole)
    assert parts[0] == whole


def test_tables_of_one_sample_twice_are_refused():
    _, row = world(1, pixels=20, scores=LIGHT).observe()
    with pytest.raises(ValueError, match="two tables"):
        SampleTable.union([row, row])


def test_the_empty_table_changes_no_union():
    each = world(2, pixels=20, scores=LIGHT)
    _, row = each.observe()
    empty = SampleTable.empty(each.layout)
    assert_same_bytes(SampleTable.union([empty, row, empty]), row)
    assert_same_bytes(SampleTable.union([empty, empty]), empty)
    again = SampleTable.from_arrays(row.ids, row.arrays())
    assert again == row
    assert again != empty


def test_tables_that_differ_in_an_id_or_a_number_are_not_equal():
    each = world(3, pixels=20, scores=LIGHT)
    _, row = each.observe()
    other = SampleTable.from_arrays(row.ids, {**row.arrays(), "losses": row.losses + 1})
    assert row != other
    assert row != SampleTable.from_arrays(("b",), row.arrays())
    assert row != "a table"


def test_pixels_of_classes_are_counted_with_those_predicted_as_no_class():
    arrays = SampleTable.empty(Layout(2, ("msp",))).arrays() | {"confusion": np.arange(6).reshape(1, 2, 3)}
    assert SampleTable.from_arrays(("a",), arrays).class_pixels.tolist() == [[[0, 4], [3, 12], [3, 5]]]

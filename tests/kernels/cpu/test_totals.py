"""Totals over images: the same for any split and order."""

import numpy as np
import pytest
from helpers.kernel_images import ALL, assert_same_bytes, observe_number
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.kernels.cpu import totals
from reliseg.kernels.cpu.kernel import Kernel
from reliseg.kernels.cpu.tables import ImageTables, class_wise_statistic
from reliseg.stats import Layout, PixelStatistics, SampleTable
from reliseg.stats.samples import TopSums, class_columns


@settings(max_examples=30, deadline=None)
@given(parts=st.lists(st.integers(0, 2), min_size=5, max_size=5), order=st.permutations(range(5)))
def test_any_split_in_any_order_gives_the_bytes_of_the_whole(parts, order):
    layout = Layout(4, ("msp", "margin"))
    whole = Kernel(layout)
    rows = [observe_number(n, whole) for n in range(5)]
    merged, tables = PixelStatistics.zero(layout), []
    for part in (2, 0, 1):
        one = Kernel(layout)
        tables += [observe_number(n, one) for n in order if parts[n] == part]
        merged = one.statistics() + merged
    assert_same_bytes(merged, whole.statistics())
    assert SampleTable.union(tables) == SampleTable.union(rows)


def test_results_are_copies():
    one = Kernel(Layout(4, ALL))
    row = observe_number(0, one)
    before = {n: a.copy() for n, a in (one.statistics().arrays() | row.arrays()).items()}
    kept = one.statistics().arrays() | row.arrays()
    observe_number(1, one)
    for name, array in kept.items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)


def test_absorbed_totals_are_those_of_all_images():
    layout = Layout(4, ("msp", "margin"))
    whole, one, other = Kernel(layout), Kernel(layout), Kernel(layout)
    for n in range(3):
        observe_number(n, whole)
        observe_number(n, one if n == 1 else other)
    one.absorb(other)
    assert_same_bytes(one.statistics(), whole.statistics())
    assert not other.statistics().top.counts.any()


@pytest.mark.parametrize("scores", [("msp",), ALL])
def test_coarse_bins_of_few_pixels_are_counted_as_a_sweep_over_the_fine_ones_finds_them(monkeypatch, scores):
    layout = Layout(4, scores)
    by_way = {}
    for way, few in (("swept", [0] * 5), ("counted", [1 << 20] * 5), ("in turns", [0, 1 << 20, 1 << 20, 0, 1 << 20])):
        kernel, rows = Kernel(layout), []
        for number, most in enumerate(few):
            monkeypatch.setattr(totals, "_FEW", most)
            rows.append(observe_number(number, kernel))
        by_way[way] = SampleTable.union(rows), kernel.statistics()
    swept, statistics = by_way["swept"]
    assert swept.coarse.any()
    for rows, found in by_way.values():
        assert rows == swept
        assert_same_bytes(found, statistics)


@pytest.mark.parametrize("classwise", [True, False])
@pytest.mark.parametrize("live", [[0, 2, 3], [1, 3], [0, 1, 2], [0, 1, 2, 3]])
def test_the_columns_of_an_image_are_the_sums_that_define_them_and_its_tables_are_added(live, classwise):
    layout, live = Layout(3, ("msp",), classwise=classwise), np.array(live)
    g = np.random.default_rng(0)
    image = ImageTables(*(g.integers(1, 1 << 40, part.shape) for part in ImageTables.empty(layout, live)))
    image.cells[::3] = 0
    whole = ImageTables.empty(layout, np.arange(4))
    cells = np.zeros((4, 4, 15, 2), np.int64)
    cells[:, live] = image.by_cell(layout)
    counted = live[live < 3] if classwise else []
    others, uncounted = np.zeros((3, 15, 3), np.int64), np.zeros(3, np.int64)
    others[counted], uncounted[counted] = image.others.reshape(-1, 15, 3), image.uncounted
    for times in (1, 2):
        top, columns = totals.add_image(image, live, whole, 4)
        np.testing.assert_array_equal(whole.by_cell(layout), times * cells)
        if classwise:
            np.testing.assert_array_equal(whole.others.reshape(3, 15, 3), times * others)
            np.testing.assert_array_equal(whole.uncounted, times * uncounted)
        np.testing.assert_array_equal(whole.confident, times * image.confident)
        assert [exact(limbs) for limbs in whole.sums] == [times * exact(limbs) for limbs in image.sums]
    want = TopSums.of(cells)
    of_classes = class_columns(class_wise_statistic(want, others, uncounted, layout))
    for found, wanted in ((top, want.columns()), (columns, of_classes)):
        assert found._asdict().keys() == wanted.keys()
        for name, column in wanted.items():
            np.testing.assert_array_equal(getattr(found, name), column, err_msg=name)


def exact(limbs):
    """The sum as an integer of any size."""
    high, low = limbs.tolist()
    return (high << 32) + low


def test_filled_bins_are_read_from_pairs_of_counts():
    pairs = np.zeros((2, 6, 2), np.uint32)
    pairs[0, 1], pairs[0, 3], pairs[1, 3], pairs[1, 4, 1] = (2, 0), (0, 5), (1, 1 << 31), 7
    pairs[0, 5] = 9, 9
    places, counts = totals.filled_bins(pairs.ravel(), 5)
    assert places.tolist() == [1, 3, 4]
    assert counts.tolist() == [[2, 0, 0], [0, 5, 0], [0, 1, 0], [0, 1 << 31, 7]]

"""Totals over images: the same for any split and order."""

import numpy as np
import pytest
from helpers.kernel_images import ALL, assert_same_bytes, observe_number
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.kernels.cpu import totals
from reliseg.kernels.cpu.kernel import Kernel
from reliseg.stats import Layout, PixelStatistics, SampleTable


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

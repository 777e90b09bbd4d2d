"""Tables of the fused kernel: the bins of probabilities, and sums of any size."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.kernel_agreement import assert_same_counts, run, without_classes
from helpers.kernel_images import ALL, assert_same_bytes, observe_number, view_of

from reliseg.kernels.cpu.kernel import Kernel
from reliseg.kernels.cpu.tables import carry_in_place
from reliseg.stats import Layout
from reliseg.stats.fixed import real
from reliseg.stats.pixels import EXTRAS


@pytest.mark.parametrize("bins", range(1, 15))
def test_probabilities_beside_each_edge(bins):
    """Two classes with p = bins/15 (1 -+ 1e-5): both sides of every edge, for the argmax and for the other."""
    p = bins / 15 * (1 + np.array([-1e-5, 1e-5]))
    logits = np.stack([np.log(p), np.log1p(-p)])[:, None].repeat(3, axis=1).astype(np.float32)
    truth = np.arange(6).reshape(3, 2).astype(np.uint8) % 2
    view = view_of(logits, (3, 2))
    assert_same_counts(view, truth, Layout(2, ALL))


def test_without_class_wise_statistics_all_others_are_the_same():
    layout = Layout(4, ("msp", "margin"))
    every, some, band = Kernel(layout), *(Kernel(replace(layout, classwise=False)) for _ in range(2))
    rows = [observe_number(n, every) for n in range(5)]
    assert [observe_number(n, band if n == 2 else some) for n in range(5)] == [without_classes(row) for row in rows]
    some.absorb(band)
    want = every.statistics()
    assert want.classwise.counts.any()
    assert_same_bytes(some.statistics(), replace(want, classwise=None))


def test_what_is_counted_by_label_changes_nothing_else():
    layout = Layout(4, ("msp", "margin"))
    some, every = Kernel(layout), Kernel(layout.with_extras(EXTRAS))
    rows, fuller = ([observe_number(n, each) for n in range(5)] for each in (some, every))
    assert all(row.label_coarse.any() and row.set_labels.any() and row.set_others.any() for row in fuller[:4])
    none = {name: getattr(rows[0], name) for name in ("label_coarse", "set_labels", "set_others")}
    assert [part.shape[1] for part in none.values()] == [0, 0, 0]
    assert [replace(row, **none) for row in fuller] == rows
    assert_same_bytes(some.statistics(), every.statistics())


def test_sums_beyond_64_bits():
    """2**25 pixels with the largest loss, 2**39 units each."""
    truth = np.ones((4096, 8192), np.uint8)
    view = view_of(np.ones((1, 2, 64)), truth.shape, groups=[0], columns=3)
    got, row = run(view, truth, Layout(2, ("msp",)))
    assert got.losses.nll.tolist() == [1 << 32, 0]
    assert row.losses[0, 0].tolist() == [1 << 32, 0]
    assert real(got.losses.brier) == 2 * truth.size


def test_limbs_are_carried_to_their_canonical_form():
    sums = np.array([[1, (3 << 32) + 5], [0, -1], [-2, 7]], np.int64)
    carry_in_place(sums)
    assert sums.tolist() == [[4, 5], [-1, (1 << 32) - 1], [-2, 7]]

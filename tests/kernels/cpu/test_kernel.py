"""The fused kernel against the float64 reference, and its laws."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from helpers.kernel_agreement import run
from helpers.kernel_images import ALL, assert_same_bytes, image, observe_number, view_of
from helpers.rows import StoredRows

from reliseg.kernels.cpu import kernel
from reliseg.kernels.cpu.kernel import Kernel, compile_kernels, pieces_of_blocks, pieces_of_view
from reliseg.stats import Layout, PixelStatistics


def test_small_counters_are_emptied_in_time(monkeypatch):
    layout = Layout(4, ALL)
    whole = Kernel(layout)
    rows = [observe_number(n, whole) for n in range(5)]
    monkeypatch.setattr(kernel, "_COUNTER_LIMIT", 2700)  # the first two images have 1920 and 2600 pixels
    emptied = Kernel(layout)
    assert [observe_number(n, emptied) for n in range(5)] == rows
    assert emptied._earlier is not None
    assert_same_bytes(emptied.statistics(), whole.statistics())


def test_kernels_in_threads():
    layout = Layout(4, ALL)

    def rows(_):
        one = Kernel(layout)
        return [observe_number(n, one) for n in range(5)], one.statistics()

    with ThreadPoolExecutor(2) as pool:
        (first, statistics), *others = pool.map(rows, range(4))
    for other, their_statistics in others:
        assert other == first
        assert_same_bytes(their_statistics, statistics)


def test_reset_forgets():
    layout = Layout(4, ("msp",))
    one = Kernel(layout)
    row = observe_number(1, one)
    first = one.statistics()
    observe_number(2, one)
    one.reset()
    assert_same_bytes(one.statistics(), PixelStatistics.zero(layout))
    assert observe_number(1, one) == row
    assert_same_bytes(one.statistics(), first)


@pytest.mark.parametrize("stray", [4, 100, 253])
def test_an_id_that_is_no_label_is_refused_and_nothing_counted(stray):
    logits, truth = image(12, 4, (10, 30), (40, 120))
    truth[7, 11] = stray
    one = Kernel(Layout(4, ALL))
    with pytest.raises(ValueError, match=r"img: 1 pixels of the truth .*0 to 3"):
        one.observe(view_of(logits, truth.shape), truth, "img")
    assert_same_bytes(one.statistics(), PixelStatistics.zero(Layout(4, ALL)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"logits": np.zeros((4, 2, 2))}, "float32"),
        ({"logits": np.zeros((4, 0, 2), np.float32)}, "float32"),
        ({"size": (3, 3)}, "truth"),
        ({"groups": np.array([0, 1, 2])}, "column"),
        ({"groups": np.array([0, 1, 2, 5])}, "column"),
        ({"groups": np.array([0, 1, 2, -1])}, "column"),
        ({"inverse_temperatures": np.ones(4)}, "5 positive"),
        ({"inverse_temperatures": np.zeros(5)}, "5 positive"),
        ({"inverse_temperatures": np.array([1, 1, np.inf, 1, 1])}, "5 positive"),
        ({"inverse_temperatures": np.array([1, np.nan, 1, 1, 1])}, "5 positive"),
        ({"inverse_temperatures": np.ones((5, 1))}, "5 positive"),
        ({"groups": np.zeros((4, 1), np.int64)}, "column"),
        ({"pixel_factors": np.ones((8, 9), np.float32)}, "of size"),
        ({"pixel_factors": np.ones((8, 8))}, "float32"),
        ({"pixel_factors": np.zeros((8, 8), np.float32)}, "positive and finite"),
        ({"pixel_factors": np.full((8, 8), np.nan, np.float32)}, "positive and finite"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    view = replace(view_of(np.zeros((4, 2, 2)), (8, 8)), **change)
    with pytest.raises(ValueError, match=message):
        Kernel(Layout(4, ALL)).observe(view, np.zeros((8, 8), np.uint8), "a")


def test_layouts_that_cannot_be_counted_are_refused():
    with pytest.raises(ValueError, match="no score 'rba'"):
        Kernel(Layout(4, ("msp", "rba")))
    with pytest.raises(ValueError, match="253 classes"):
        Kernel(Layout(254, ("msp",)))


def test_numba_is_imported_by_the_kernel_only():
    code = "import sys, reliseg.stats; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_compile_kernels_leaves_nothing_to_compile():
    compile_kernels()
    from reliseg.kernels.cpu.walk import count_roles, observe_image

    logits, truth = image(14, 4, (10, 30), (40, 120))
    run(view_of(logits, truth.shape), truth, Layout(4, ALL))
    assert len(observe_image.signatures) == 1
    assert len(count_roles.signatures) == 1, count_roles.signatures


def test_taking_gives_the_statistics_and_forgets_them():
    layout = Layout(4, ALL)
    one, other = Kernel(layout), Kernel(layout)
    for each in (one, other):
        observe_number(3, each)
    taken = one.take()
    observe_number(4, one)  # what was taken does not change with what comes after
    assert_same_bytes(taken, other.statistics())
    other.reset()
    observe_number(4, other)
    assert_same_bytes(one.take(), other.statistics())
    assert_same_bytes(one.statistics(), PixelStatistics.zero(layout))


def rows_of(pieces, height):
    return [row for piece in pieces for row in range(*piece.band.indices(height))]


def test_native_logits_are_one_piece_with_the_taps_of_its_rows():
    logits, _ = image(0, 3, (4, 5), (16, 20))
    view = view_of(logits, (16, 20))
    (piece,) = pieces_of_view(view, slice(3, 9))
    assert piece.logits is view.logits
    assert len(piece.rows.weight) == 6
    assert rows_of([piece], 16) == [*range(3, 9)]


def test_rows_are_read_some_at_a_time():
    logits, _ = image(0, 3, (50, 6), (50, 6))
    view = replace(view_of(logits, (50, 6)), logits=StoredRows(logits))
    pieces = list(pieces_of_view(view))
    assert rows_of(pieces, 50) == [*range(50)]
    np.testing.assert_array_equal(np.concatenate([p.logits for p in pieces], axis=1), logits)


def test_blocks_of_pixels_become_rows_of_the_image():
    logits, _ = image(0, 3, (2, 2), (4, 5))
    z = np.arange(2 * 10, dtype=np.float32).reshape(2, 10)
    (piece,) = pieces_of_blocks(view_of(logits, (4, 5)), [(slice(1, 3), z)])
    np.testing.assert_array_equal(piece.logits, z.reshape(2, 2, 5))


def test_factors_are_those_of_the_rows_and_none_where_pixels_have_none():
    logits, _ = image(0, 3, (2, 2), (4, 5))
    view = view_of(logits, (4, 5))
    (piece,) = pieces_of_view(view, slice(1, 3))
    assert piece.factors(view).size == 0
    factors = np.arange(1, 21, dtype=np.float32).reshape(4, 5)
    np.testing.assert_array_equal(piece.factors(replace(view, pixel_factors=factors)), factors[1:3])

"""Images counted on several threads: the bytes of one thread."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.kernel_agreement import without_classes
from helpers.kernel_images import assert_same_bytes, image, mixed, view_of
from helpers.rows import StoredRows

from reliseg.kernels.cpu import kernel, transformed
from reliseg.kernels.cpu.kernel import Kernel
from reliseg.kernels.cpu.parallel import ParallelKernel
from reliseg.kernels.reference import full_logits
from reliseg.stats import Layout, SampleTable
from reliseg.stats import rows as rows_module
from reliseg.stats.built_in_scores import BUILT_IN_SCORES
from reliseg.stats.probabilities import LOG_ZERO

LAYOUT = Layout(4, tuple(BUILT_IN_SCORES), by_label=True, sets=True)
IMAGES = [((9, 17), (72, 136)), ((40, 30), (40, 30)), ((3, 5), (2, 20)), ((5, 7), (1, 23))]


def views():
    """With and without projection, temperatures, factors of pixels and a transform; sizes of one row and of two."""
    for n, (native, size) in enumerate(IMAGES):
        logits, truth = image(n, 4, native, size)
        pixels = np.random.default_rng(n).uniform(0.2, 2, size).astype(np.float32)
        plain = view_of(logits, size, align=bool(n % 2))
        joined = view_of(logits, size, groups=[0, 1, 4, 2], factors=np.linspace(0.5, 1.5, 5))
        for view in (plain, joined, replace(joined, pixel_factors=pixels), replace(plain, transform=mixed)):
            yield view, truth


def counted(threads, layout=LAYOUT):
    one = ParallelKernel(layout, threads)
    rows = [one.observe(view, truth, str(n)) for n, (view, truth) in enumerate(views())]
    return one, rows


@pytest.mark.slow
@pytest.mark.parametrize("pixels", [1, 300, 1 << 17])
def test_any_number_of_threads_gives_the_bytes_of_one(pixels, monkeypatch):
    monkeypatch.setattr(transformed, "_PIXELS", pixels)
    one, rows = counted(1)
    want = one.take()
    assert want.flips.counts > 0
    for threads in (2, 3, 7):
        other, their_rows = counted(threads)
        assert their_rows == rows
        assert_same_bytes(other.take(), want)


def test_one_thread_counts_what_the_kernel_and_the_blocks_count():
    plain, rows, changed = Kernel(LAYOUT), [], 0
    for n, (view, truth) in enumerate(views()):
        if view.transform is None:
            rows.append(plain.observe(view, truth, str(n)))
        else:
            rows.append(transformed.observe(plain, view, truth, str(n), 5))
            changed += int(rows[-1].flips.sum())
    one, their_rows = counted(1)
    assert their_rows == rows
    taken = one.take()
    assert taken.flips.counts.tolist() == [changed]
    assert_same_bytes(replace(taken, flips=plain.statistics().flips), plain.statistics())


def test_what_was_taken_is_forgotten():
    one, _ = counted(2)
    first = one.take()
    view, truth = next(views())
    row = one.observe(view, truth, "a")
    again, fresh = one.take(), ParallelKernel(LAYOUT)
    assert fresh.observe(view, truth, "a") == row
    assert_same_bytes(again, fresh.take())
    assert first.top.counts.sum() > again.top.counts.sum()


def test_bands_of_rows_are_the_image():
    logits, truth = image(0, 4, (9, 17), (72, 136))
    view = view_of(logits, truth.shape)
    whole, parts = Kernel(LAYOUT), Kernel(LAYOUT)
    row = whole.observe(view, truth, "a")
    bands = [slice(60, 72), slice(0, 1), slice(1, 60)]
    assert SampleTable.merge_parts([parts.observe(view, truth, "a", band) for band in bands]) == row
    assert_same_bytes(parts.statistics(), whole.statistics())


@pytest.mark.parametrize("limit", [1 << 32, 20_000])
def test_a_kernel_takes_in_another(limit, monkeypatch):
    """Also where both together have more pixels than 32-bit counters hold (each image has 9,792)."""
    monkeypatch.setattr(kernel, "_COUNTER_LIMIT", limit)
    whole, one, other, empty = (Kernel(LAYOUT) for _ in range(4))
    logits, truth = image(0, 4, (9, 17), (72, 136))
    for n in range(6):
        part = one if n % 2 else other
        row = part.observe(view_of(logits, truth.shape), truth, str(n))
        assert whole.observe(view_of(logits, truth.shape), truth, str(n)) == row
    one.absorb(other)
    one.absorb(empty)
    assert_same_bytes(one.statistics(), whole.statistics())
    assert_same_bytes(other.statistics(), empty.statistics())
    assert one.observe(view_of(logits, truth.shape), truth, "a") == whole.observe(
        view_of(logits, truth.shape), truth, "a"
    )
    assert_same_bytes(one.take(), whole.take())


def test_threads_without_class_wise_statistics():
    with_them, rows = counted(1)
    without, their_rows = counted(3, replace(LAYOUT, classwise=False))
    assert their_rows == [without_classes(row) for row in rows]
    assert_same_bytes(without.take(), replace(with_them.take(), classwise=None))


def test_rows_are_counted_as_the_array_that_they_are_of(monkeypatch):
    for n, (native, size) in enumerate([((40, 30), (40, 30)), ((2, 300), (2, 300))]):
        logits, truth = image(n, 4, native, size)
        # The last row and the first column of an array are interpolated at weight 1, and rounded.
        logits[:, -1], logits[:, :, 0] = logits[:, -2], logits[:, :, -1]
        monkeypatch.setattr(rows_module, "_BLOCK", 4 * size[1] * 7)  # seven rows at a time
        factors = np.random.default_rng(n).uniform(0.2, 2, size).astype(np.float32)
        whole = view_of(logits, size, groups=[0, 1, 4, 2], factors=np.linspace(0.5, 1.5, 5))
        for view in (whole, replace(whole, pixel_factors=factors), replace(whole, transform=mixed)):
            one, other = ParallelKernel(LAYOUT), ParallelKernel(LAYOUT, 3)
            asked = []
            by_rows = replace(view, logits=StoredRows(logits, most=asked))
            assert one.observe(view, truth, "a") == other.observe(by_rows, truth, "a")
            assert_same_bytes(one.take(), other.take())
            assert max(asked) <= max(4 * size[1] * 7, 4 * transformed._PIXELS)
            np.testing.assert_array_equal(full_logits(view, 5), full_logits(by_rows, 5))


def test_rows_of_another_size_than_the_image_are_refused():
    logits, truth = image(0, 4, (10, 12), (20, 24))
    view = replace(view_of(logits, (20, 24)), logits=StoredRows(logits))
    with pytest.raises(ValueError, match="rows must have the size"):
        ParallelKernel(LAYOUT).observe(view, truth, "a")


def test_pixels_whose_label_has_probability_0_are_counted_by_rows():
    logits, truth = image(0, 4, (20, 24), (20, 24))
    logits[truth[None] == np.arange(4)[:, None, None]] = LOG_ZERO
    one, other = ParallelKernel(LAYOUT), ParallelKernel(LAYOUT)
    view = replace(view_of(logits, (20, 24)), of_probabilities=True)
    one.observe(view, truth, "a")
    other.observe(replace(view, logits=StoredRows(logits, of_probabilities=True)), truth, "a")
    assert one.take().losses.impossible == other.take().losses.impossible > 0

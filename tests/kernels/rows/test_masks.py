"""Mask classification in float32, by rows: the definition's, for any sizes; the same bits however it is divided."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from helpers.mask_queries import drawn
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.kernels import reference_masks as reference
from reliseg.kernels.cpu.kernel import Kernel
from reliseg.kernels.rows.masks import MaskRows, NetworkInput
from reliseg.stats import Layout, LogitView
from reliseg.stats.probabilities import LEAST_MAP

ORDERS = pytest.mark.parametrize("order", reference.ORDERS)
sides = st.integers(1, 40)
sizes = st.tuples(sides, sides)


def whole(rows):
    return rows.rows(slice(None))


def agree(rows, scale=1.0):
    """Whether class maps, probabilities and argmax are the definition's; `scale` is that of masks above 16."""
    sizes_of = (*rows.seen, rows.image)
    maps = reference.class_maps(rows.masks, rows.probabilities, rows.order, sizes_of)
    z = reference.logits_of_maps(maps[:-1])
    got = whole(rows).astype(np.float64)
    assert got.shape == z.shape == rows.shape
    assert got.min() >= np.float32(np.log(LEAST_MAP))
    want, p = (np.exp(a) / np.exp(a).sum(axis=0) for a in (z, got))
    np.testing.assert_allclose(p, want, rtol=0, atol=1e-6 * scale)
    best = np.take_along_axis(want, got.argmax(axis=0)[None], 0)[0]
    np.testing.assert_array_less(want.max(axis=0) - best, 1e-6 * scale)
    np.testing.assert_allclose(whole(rows.with_no_object()), maps, rtol=0, atol=1e-6 * scale * (1 + maps.max()))


def rows_of(
    seed, order, *, queries=5, classes=4, native=(9, 13), padded=(36, 52), seen=(33, 49), image=None, scale=4.0, shift=0
):
    z, m = drawn(seed, queries, classes, native, scale)
    rows = MaskRows.of(z, m + np.float32(shift), order, NetworkInput(padded, seen))
    return rows.brought_to(image) if image else rows


@ORDERS
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_any_sizes_give_the_definitions_probabilities(order, data):
    padded = data.draw(sizes)
    seen = tuple(data.draw(st.integers(1, side)) for side in padded)
    rows = rows_of(
        data.draw(st.integers(0, 999)),
        order,
        queries=data.draw(st.sampled_from([1, 2, 4, 7])),
        classes=data.draw(st.sampled_from([1, 2, 5])),
        native=data.draw(sizes),
        padded=padded,
        seen=seen,
        image=data.draw(sizes),
    )
    agree(rows)


@ORDERS
@pytest.mark.parametrize(
    "case",
    [
        pytest.param({"image": (33, 49)}, id="the size that was seen"),
        pytest.param({"image": (71, 100)}, id="enlarged"),
        pytest.param({"image": (8, 11)}, id="reduced"),
        pytest.param({"image": (1, 1)}, id="one pixel"),
        pytest.param({"image": (1, 400)}, id="one row"),
        pytest.param(
            {"native": (3, 130), "padded": (12, 520), "seen": (12, 519), "image": (12, 519)}, id="a stride of 4"
        ),
        pytest.param({"queries": 1, "classes": 1, "image": (20, 20)}, id="one query, one class"),
        pytest.param({"queries": 200, "image": (40, 57)}, id="200 queries"),
        pytest.param({"classes": 150, "image": (40, 57)}, id="150 classes"),
        pytest.param({"native": (60, 70), "image": (30, 30)}, id="masks larger than the image"),
        pytest.param({"native": (1, 1), "image": (30, 30)}, id="masks of one pixel"),
        pytest.param({"native": (36, 52), "padded": (36, 52), "seen": (36, 52), "image": (36, 52)}, id="no stride"),
    ],
)
def test_the_definitions_probabilities(order, case):
    agree(rows_of(3, order, **case))


@ORDERS
def test_masks_that_are_far_off_are_interpolated_as_well_as_float32_can(order):
    for scale in (60, 1e4):
        agree(rows_of(4, order, image=(50, 70), scale=scale), scale=scale / 20)


@ORDERS
def test_where_all_masks_reject_a_pixel_its_classes_are_equal(order):
    values = whole(rows_of(5, order, image=(20, 20), shift=-1e4))
    np.testing.assert_array_equal(values, values[0, 0, 0])
    np.testing.assert_allclose(values[0, 0, 0], np.log(np.finfo(np.float32).tiny), rtol=1e-7)


@ORDERS
def test_masks_of_minus_80_tell_classes_apart(order):
    agree(rows_of(6, order, image=(20, 20), scale=1, shift=-80), scale=5)


@ORDERS
@pytest.mark.parametrize("image", [(33, 49), (50, 300), (17, 20)])
def test_rows_have_the_same_bits_however_they_are_divided(order, image):
    rows = rows_of(7, order, image=image)
    for kind in (rows, rows.linear(), rows.with_no_object()):
        want = whole(kind)
        for step in (1, 3, 16):
            parts = [kind.rows(slice(y, y + step)) for y in range(0, image[0], step)]
            np.testing.assert_array_equal(np.concatenate(parts, axis=1), want)
    np.testing.assert_array_equal(rows.rows(slice(-5, None)), whole(rows)[:, -5:])
    assert rows.rows(slice(4, 4)).shape == (4, 0, image[1])


@ORDERS
def test_threads_that_read_at_once_read_the_same(order):
    rows, alone = (rows_of(8, order, image=(60, 80)) for _ in range(2))
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda y: rows.rows(slice(y, y + 10)), range(0, 60, 10)))
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole(alone))


@ORDERS
def test_the_size_is_at_first_what_the_network_saw_and_then_any_other_twice_too(order):
    rows = rows_of(9, order)
    assert rows.shape == (4, 33, 49)
    again = rows.brought_to((7, 9)).brought_to((50, 60))
    np.testing.assert_array_equal(whole(again), whole(rows.brought_to((50, 60))))
    assert again.of_probabilities
    assert not again.linear().of_probabilities


@ORDERS
def test_linear_rows_are_the_class_maps_that_logarithms_are_taken_of(order):
    rows = rows_of(10, order, image=(50, 60))
    np.testing.assert_allclose(whole(rows), np.log(whole(rows.linear())), atol=1e-6)
    np.testing.assert_array_equal(whole(rows.with_no_object())[:-1], whole(rows.linear()))


def test_the_magnitude_bounds_all_values_and_tells_what_is_not_finite():
    rows = rows_of(11, "input", queries=300)
    for kind in (rows, rows.linear()):
        assert abs(whole(kind)).max() <= kind.magnitude() < 2**14
    z, m = drawn(11, 3, 4, (9, 13))
    m[1, 2, 3] = np.nan
    assert np.isnan(MaskRows.of(z, m, "input", rows.seen).magnitude())
    m[1, 2, 3] = -np.inf
    assert MaskRows.of(z, m, "input", rows.seen).magnitude() == np.inf


def test_probabilities_and_masks_are_what_rows_are_computed_from():
    z, m = drawn(12, 3, 4, (9, 13))
    probabilities, masks = MaskRows.of(z, m, "input", NetworkInput((36, 52), (36, 52))).arrays()
    np.testing.assert_array_equal(masks, m)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)


@ORDERS
def test_the_kernel_counts_rows_of_masks_as_it_counts_their_array(order):
    rows = rows_of(13, order, image=(40, 57))
    truth = np.random.default_rng(0).integers(0, 4, rows.image).astype(np.uint8)
    view = LogitView(rows, rows.image, False, np.arange(4), np.ones(5), of_probabilities=True)
    array = replace(view, logits=np.asarray(rows))
    kernels = Kernel(Layout(4, ("msp", "margin"))), Kernel(Layout(4, ("msp", "margin")))
    for kernel, one in zip(kernels, (view, array), strict=True):
        kernel.observe(one, truth, "a")
    found, want = (kernel.statistics() for kernel in kernels)
    moved = abs(found.top.counts - want.top.counts).sum()  # a confidence may round to the next bin
    assert moved <= 4
    assert found.top.counts.sum() == truth.size

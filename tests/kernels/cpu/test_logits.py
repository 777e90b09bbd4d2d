"""Projection, temperatures and factors of pixels in the fused kernel, against the reference."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.kernel_agreement import assert_agrees, assert_same_counts, run
from helpers.kernel_images import ALL, GROUPS, RATIOS, assert_same_bytes, image, view_of
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.kernels import reference
from reliseg.stats import Layout


def factors_of(seed, size):
    """Positive factors between those of the bounds of temperatures, one for each pixel."""
    return np.exp(np.random.default_rng(seed).uniform(-3, 3, size)).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [None, 0.7, "by class"])
@pytest.mark.parametrize("case", GROUPS)
def test_projection_and_temperature(case, temperature):
    classes, groups = GROUPS[case]
    factors = {None: 1.0, 0.7: 1 / 0.7, "by class": np.linspace(0.4, 1.9, classes + 1)}[temperature]
    factors = np.full(classes + 1, factors)
    logits, truth = image(3, classes, (13, 33), (50, 130), model=len(groups))
    view = view_of(logits, truth.shape, groups=groups, columns=classes + 1, factors=factors)
    assert_agrees(view, truth, Layout(classes, ALL))


@pytest.mark.slow
@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize(("native", "size"), RATIOS)
def test_each_pixel_has_its_own_factor(native, size, align):
    logits, truth = image(6, 5, native, size)
    view = replace(view_of(logits, size, align=align), pixel_factors=factors_of(6, size))
    got, _ = assert_agrees(view, truth, Layout(5, ALL))
    plain, _ = run(view_of(logits, size, align=align), truth, Layout(5, ALL))
    np.testing.assert_array_equal(got.top.confusion, plain.top.confusion)


@pytest.mark.parametrize("factors", [1.0, "by class"])
@pytest.mark.parametrize("case", GROUPS)
def test_projection_and_factors_of_pixels(case, factors):
    classes, groups = GROUPS[case]
    factors = np.full(classes + 1, 1.0) if factors == 1.0 else np.linspace(0.4, 1.9, classes + 1)
    logits, truth = image(3, classes, (13, 33), (50, 130), model=len(groups))
    view = view_of(logits, truth.shape, groups=groups, columns=classes + 1, factors=factors)
    assert_agrees(replace(view, pixel_factors=factors_of(3, truth.shape)), truth, Layout(classes, ALL))


@pytest.mark.parametrize("factor", [0.25, 1.0, 3.0])
def test_equal_factors_of_all_pixels_are_one_inverse_temperature_to_the_bit(factor):
    logits, truth = image(4, 7, (13, 33), (50, 130))
    pixels = np.full(truth.shape, factor, np.float32)
    for by_class in (np.ones(8), np.linspace(0.5, 2, 8)):
        one, one_row = run(view_of(logits, truth.shape, factors=by_class * factor), truth, Layout(7, ALL))
        view = replace(view_of(logits, truth.shape, factors=by_class), pixel_factors=pixels)
        if factor != 3.0 or (by_class == 1).all():  # times a power of two nothing is rounded
            found, row = run(view, truth, Layout(7, ALL))
            assert_same_bytes(found, one)
            assert row == one_row


@given(
    native=st.tuples(st.integers(1, 6), st.integers(1, 9)),
    size=st.tuples(st.integers(1, 20), st.integers(1, 300)),
    seed=st.integers(0, 999),
)
@settings(max_examples=30, deadline=None)
def test_positive_factors_leave_the_prediction_of_every_pixel(native, size, seed):
    logits, truth = image(seed, 4, native, size)
    plain = view_of(logits, size)
    view = replace(plain, pixel_factors=factors_of(seed, size))
    z, scaled = reference.full_logits(plain, 5), reference.full_logits(view, 5)
    np.testing.assert_array_equal(scaled.argmax(axis=0), z.argmax(axis=0))
    got, row = run(view, truth, Layout(4, ALL))
    want, want_row = run(plain, truth, Layout(4, ALL))
    np.testing.assert_array_equal(got.top.confusion, want.top.confusion)
    np.testing.assert_array_equal(row.pixels, want_row.pixels)


def test_temperature_bounds():
    logits, truth = image(4, 7, (13, 33), (50, 130))
    for factor in (1 / 20, 20.0):
        view = view_of(logits, truth.shape, factors=np.full(8, factor))
        assert_agrees(view, truth, Layout(7, ALL))


@pytest.mark.parametrize("size", [(36, 320), (36, 60)], ids=["dense", "gathered"])
@pytest.mark.parametrize("values", [[2, 2], [0, 0, 0], [1.25, 1.25, -3], [-7, 2, 2], [0] * 15, [4.5] * 16])
def test_constants_and_exact_ties(values, size):
    """Nothing is interpolated away: constants are exact to the arithmetic, ties go to the lowest column."""
    c, width = len(values), size[1] // 4
    logits = np.broadcast_to(np.float32(values)[:, None, None], (c, 9, width)).copy()
    truth = np.random.default_rng(6).integers(0, c, size).astype(np.uint8)
    assert_same_counts(view_of(logits, size), truth, Layout(c, ALL))


def test_joined_ties():
    """Groups of equal sums: the lowest column wins."""
    logits = np.broadcast_to(np.float32([3, 1, 1, 1, 1, 0])[:, None, None], (6, 9, 64)).copy()
    truth = np.random.default_rng(6).integers(0, 4, (36, 256)).astype(np.uint8)
    view = view_of(logits, truth.shape, groups=[3, 1, 1, 0, 0, 3], columns=5)
    assert_same_counts(view, truth, Layout(4, ALL))
    assert_same_counts(replace(view, groups=np.array([4, 1, 1, 2, 2, 3])), truth, Layout(4, ALL))
    level = replace(view, logits=np.zeros_like(logits))
    assert_same_counts(replace(level, groups=np.array([2, 2, 0, 0, 1, 1])), truth, Layout(4, ALL))

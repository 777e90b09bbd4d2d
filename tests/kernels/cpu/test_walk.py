"""The fused kernel's walk over images of any size, number of classes and memory layout."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.kernel_agreement import assert_agrees, run
from helpers.kernel_images import ALL, RATIOS, assert_same_bytes, image, view_of

from reliseg.kernels.cpu.walk import count_roles
from reliseg.stats import Layout


def factors_of(seed, size):
    """Positive factors between those of the bounds of temperatures, one for each pixel."""
    return np.exp(np.random.default_rng(seed).uniform(-3, 3, size)).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize(("native", "size"), RATIOS)
def test_any_ratio_of_sizes(native, size, align):
    for smooth in (False, True):
        logits, truth = image(1, 5, native, size, smooth=smooth)
        assert_agrees(view_of(logits, size, align=align), truth, Layout(5, ALL))


@pytest.mark.slow
@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("classes", [1, 2, 11, 19, 33, 64, 65, 150, 253])
def test_any_number_of_classes(classes, smooth):
    logits, truth = image(classes, classes, (12, 64), (30, 250), smooth=smooth)
    assert_agrees(view_of(logits, truth.shape), truth, Layout(classes, ALL))


def test_factors_need_not_lie_in_one_piece_and_are_not_changed():
    logits, truth = image(4, 3, (5, 9), (20, 31))
    wide = factors_of(1, (40, 62))
    kept = wide.copy()
    view = replace(view_of(logits, truth.shape), pixel_factors=wide[::2, ::2])
    assert_agrees(view, truth, Layout(3, ALL))
    np.testing.assert_array_equal(wide, kept)


def test_read_only_and_strided_inputs():
    logits, truth = image(11, 4, (10, 30), (40, 120))
    layout = Layout(4, ALL)
    want, row = run(view_of(logits, truth.shape), truth, layout)
    logits_last = np.ascontiguousarray(logits.transpose(1, 2, 0)).transpose(2, 0, 1)
    truth_f = np.asfortranarray(truth)
    truth_f.flags.writeable = False
    got, got_row = run(replace(view_of(logits, truth.shape), logits=logits_last), truth_f, layout)
    assert_same_bytes(got, want)
    assert got_row == row
    assert truth.flags.writeable


def test_roles_that_need_no_logits_are_counted():
    truth = np.array([[0, 3, 254], [255, 254, 4], [253, 2, 255]], np.uint8)
    truth.flags.writeable = False  # one type for numba
    assert count_roles(truth, 4) == (2, 2, 2)

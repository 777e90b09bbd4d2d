"""Maps at another size, cropped and mirrored, by rows."""

import numpy as np
import pytest
import torch
from helpers.rows import StoredRows
from hypothesis import given, settings
from hypothesis import strategies as st

from reliseg.kernels.reference_rows import resized
from reliseg.kernels.rows.resized import Cropped, Mirrored, Resized

SIDE = st.integers(1, 40)


def maps_of(seed, shape):
    return np.random.default_rng(seed).normal(0, 5, shape).astype(np.float32)


def by_blocks(maps, step):
    height = maps.shape[1]
    return np.concatenate([maps.rows(slice(y, min(y + step, height))) for y in range(0, height, step)], axis=1)


@settings(max_examples=60, deadline=None)
@given(SIDE, SIDE, SIDE, SIDE, st.booleans(), st.integers(1, 9), st.booleans())
def test_rows_are_interpolated_as_torch_does_it_however_they_are_asked_for(h, w, height, width, align, step, by_rows):
    native = maps_of(h * w, (3, h, w))
    maps = Resized(StoredRows(native) if by_rows else native, (height, width), align)
    whole = by_blocks(maps, step)
    np.testing.assert_array_equal(whole, np.asarray(maps))
    expected = resized(native.astype(np.float64), (height, width), align)
    np.testing.assert_allclose(whole, expected, atol=2e-5)
    theirs = torch.nn.functional.interpolate(
        torch.from_numpy(native.astype(np.float64))[None], (height, width), mode="bilinear", align_corners=align
    )
    np.testing.assert_allclose(whole, theirs[0].numpy(), atol=2e-5)


def test_only_rows_that_are_needed_are_computed():
    asked = []
    maps = Resized(StoredRows(maps_of(0, (2, 100, 7)), most=asked), (400, 9))
    maps.rows(slice(200, 208))
    assert max(asked) <= 2 * 7 * 4


def test_maps_of_the_same_size_are_given_as_copies():
    native = maps_of(1, (2, 5, 6))
    maps = Resized(native, (5, 6))
    part = maps.rows(slice(1, 3))
    np.testing.assert_array_equal(part, native[:, 1:3])
    part[:] = 0
    assert native[:, 1:3].any()
    assert maps.brought_to((5, 6)) is maps


def test_padding_is_cut_off_before_maps_are_brought_to_the_image():
    native = maps_of(2, (3, 8, 9))
    part = Cropped(StoredRows(native), (5, 7), align_corners=True)
    np.testing.assert_array_equal(np.asarray(part), native[:, :5, :7])
    assert part.brought_to((5, 7)) is part
    larger = part.brought_to((10, 20))
    np.testing.assert_allclose(
        np.asarray(larger), resized(native[:, :5, :7].astype(np.float64), (10, 20), True), atol=1e-5
    )
    assert larger.shape == (3, 10, 20)


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("width", [48, 51])
def test_the_mirror_image_of_maps_is_that_of_the_image_for_any_stride(align, width):
    native = maps_of(3, (2, 6, 13))
    turned = Mirrored(Resized(np.ascontiguousarray(native[:, :, ::-1]), (24, width), align))
    np.testing.assert_allclose(np.asarray(turned), np.asarray(Resized(native, (24, width), align)), atol=1e-5)
    assert turned.brought_to((24, width)).shape == (2, 24, width)


def test_what_maps_are_computed_from_is_told_by_all():
    source = StoredRows(maps_of(4, (2, 6, 7)), of_probabilities=True)
    for maps in (Resized(source, (3, 4)), Cropped(source, (3, 4)), Mirrored(source)):
        assert maps.arrays()[0] is source.array
        assert maps.of_probabilities
        assert maps.magnitude() == source.magnitude()
    assert Mirrored(source).linear().shape == source.shape
    assert Cropped(source, (3, 4)).linear().shape == (2, 3, 4)

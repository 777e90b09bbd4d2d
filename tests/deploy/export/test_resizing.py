"""Images are resized to the bit as libraries do it, by gathering and adding alone."""

import numpy as np
import pytest
import torch
from PIL.Image import Resampling

from reliseg.deploy.export.resizing import can_resize, opencv_taps, pillow_order, pillow_taps, resize
from reliseg.models.inference.resizing import Resizing

SIZES = [
    ((37, 53), (64, 21)),
    ((90, 33), (17, 70)),
    ((48, 36), (51, 77)),
    ((90, 132), (45, 66)),
    ((33, 90), (33, 17)),
    ((1, 30), (4, 60)),
]


def both(resizing: Resizing, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    pixels = torch.tensor(image).permute(2, 0, 1)[None].float()
    return resizing(image), resize(pixels, resizing)[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize(("size", "target"), SIZES)
@pytest.mark.parametrize("resample", [Resampling.BILINEAR, Resampling.BICUBIC, Resampling.LANCZOS])
def test_pillow_s_filters_are_those_of_pillow(resample, size, target):
    np.testing.assert_array_equal(*both(Resizing(target, int(resample)), size))


@pytest.mark.parametrize(("size", "target"), SIZES)
@pytest.mark.parametrize("library", ["opencv", "torch"])
def test_other_libraries_interpolate_as_they_do(library, size, target):
    np.testing.assert_array_equal(*both(Resizing(target, interpolation=library), size))


def test_weights_of_each_place_add_up_to_one_within_rounding():
    places, weights = pillow_taps(90, 17, int(Resampling.BILINEAR))
    assert abs(weights.sum(axis=0) - (1 << 22)).max() <= len(weights)
    assert places.min() >= 0
    assert places.max() == 89
    assert (opencv_taps(5, 9, across=True).weights.sum(axis=0) == 1 << 11).all()


def test_the_order_of_passes_is_that_which_pillow_takes():
    size, target = (90, 33), (17, 70)
    other = tuple(reversed(pillow_order(size, target, int(Resampling.BILINEAR))))
    assert sorted(other) == [2, 3]


def test_an_unknown_filter_is_said_to_be_so():
    assert can_resize(Resizing((4, 4), int(Resampling.BILINEAR)))
    assert not can_resize(Resizing((4, 4), int(Resampling.HAMMING)))
    assert can_resize(Resizing((4, 4), int(Resampling.HAMMING), "opencv"))

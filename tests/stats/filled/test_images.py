"""Numbers of single images have the bits of NumPy's."""

import numpy as np
import pytest

from reliseg.stats.filled.images import class_pixels, image_numbers
from reliseg.stats.fixed import apart, limbs, real


@pytest.mark.parametrize("classes", [1, 19, 200])
def test_numbers_of_images_have_the_bits_of_numpy_s(classes):
    g = np.random.default_rng(classes)
    confusion = g.integers(0, 90, (7, classes, classes + 1)) * (g.random((7, classes, 1)) < 0.6)
    confusion[3] = 0
    of_class = class_pixels(confusion)
    hit, true, guessed = np.moveaxis(of_class, 1, 0)
    np.testing.assert_array_equal(hit, np.einsum("ncc->nc", confusion[:, :, :classes]))
    np.testing.assert_array_equal(true, confusion.sum(axis=2))
    np.testing.assert_array_equal(guessed, confusion[:, :, :classes].sum(axis=1))

    pixels = np.stack([(true - hit).sum(axis=1), hit.sum(axis=1), *g.integers(0, 9, (2, 7))], axis=1)
    right, sums = g.integers(0, 900, (7, 15)), [limbs(g.integers(0, 1 << 44, shape)) for shape in ((7, 15), (7, 2, 4))]
    found = image_numbers(pixels, of_class, right, *map(apart, sums))
    known, every, (confidence, scores) = pixels[:, :2].sum(axis=1), pixels.sum(axis=1), map(real, sums)
    with np.errstate(invalid="ignore", divide="ignore"):
        iou = np.where(true > 0, hit / (true + guessed - hit), 0.0).sum(axis=1) / (true > 0).sum(axis=1)
        ece = np.abs(right - confidence).sum(axis=1) / known
        means = [scores[:, :, :2].sum(axis=2) / known[:, None], scores.sum(axis=2) / every[:, None]]
    np.testing.assert_array_equal(found, np.column_stack([known, iou, ece, *means]))
    assert np.isnan(found[3, 1])
    assert image_numbers(pixels[:0], of_class[:0], right[:0], *(apart(s[:0]) for s in sums)).shape == (0, 7)

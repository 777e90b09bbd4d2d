"""Magnified middles."""

import numpy as np
from helpers.corruption_images import difference, picture

from reliseg.corruptions.compiled.zoom import Lines, zooms
from reliseg.corruptions.weights import middle


def lines(size, factors):
    first, weights = zip(*(middle(size, factor) for factor in factors), strict=True)
    return Lines(np.stack(first), np.stack(weights))


def test_a_magnification_of_one_changes_nothing():
    image = picture(30, 41)
    assert np.array_equal(zooms(image, lines(30, [1.0]), lines(41, [1.0])), image)


def test_the_mean_of_two_is_that_of_numpy():
    image, (rows, columns) = picture(30, 41), (lines(30, [2.0]), lines(41, [2.0]))

    def read(a, axis, line):
        share = (line.weight[0] / 2048).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        after = np.minimum(line.first[0] + 1, a.shape[axis] - 1)
        return a.take(line.first[0], axis) * (1 - share) + a.take(after, axis) * share

    magnified = read(read(image.astype(float), 0, rows), 1, columns)
    expected = np.floor((image + magnified + 0.01) / 2).astype(np.uint8)
    assert difference(zooms(image, rows, columns), expected)[1] < 0.001

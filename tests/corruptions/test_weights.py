"""Weights of blurs, and places beyond the edge."""

import numpy as np
import pytest
from scipy import ndimage

from reliseg.corruptions.weights import (
    DOWN,
    ZOOM_UNIT,
    float_gaussian,
    gaussian,
    half_line,
    middle,
    reflected,
    repeated,
)


def test_weights_add_up_to_their_unit():
    assert gaussian(1.5, 6).sum() == 1 << 15
    assert half_line(20, 15, 30, DOWN).weights.sum() == 1 << 15
    assert float_gaussian(0.01, 0).tolist() == [1.0]


def test_a_gaussian_is_that_of_scipy():
    spike = np.zeros(13)
    spike[6] = 1
    expected = ndimage.gaussian_filter1d(spike, 1.5, radius=6)
    assert np.allclose(gaussian(1.5, 6) / 2**15, expected, atol=2e-5 + 2**-15)
    assert np.allclose(float_gaussian(1.5, 6), expected, atol=1e-6)


def test_a_line_goes_straight_in_its_direction():
    line = half_line(10, 3, 45, DOWN)
    assert line.taps[0].tolist() == [0, 0]
    assert line.taps[-1].tolist() == [-14, -14]


@pytest.mark.parametrize(("size", "factor"), [(97, 1.0), (97, 1.11), (640, 1.3), (33, 4.5), (8, 3)])
def test_the_middle_is_read_as_scipy_zooms_it(size, factor):
    ramp = np.arange(size, dtype=float) ** 1.3
    first, weights = middle(size, factor)
    share = weights / ZOOM_UNIT
    ours = ramp[first] * (1 - share) + ramp[np.minimum(first + 1, size - 1)] * share
    part = int(np.ceil(size / factor))
    top = (size - part) // 2
    expected = ndimage.zoom(ramp[top : top + part], factor, order=1)[:size]
    assert np.allclose(ours[: len(expected)], expected, atol=0.01 * ramp.max() / size + 1e-9)


@pytest.mark.parametrize("size", [1, 2, 3, 40])
def test_places_beyond_the_edge_are_those_of_numpy(size):
    pixels = np.arange(size)
    assert np.array_equal(reflected(size, 9), np.pad(pixels, 9, "reflect" if size > 1 else "edge"))
    assert np.array_equal(repeated(size, 9), np.pad(pixels, 9, "edge"))

"""Where the pixels of an image lie in native logits, and transforms with a compiled form."""

import numpy as np
import pytest

from reliseg.stats.view import CompiledTransform, source_positions


def test_known_positions():
    """torch's rule: pixel centres at (i + 1/2) native / size - 1/2, kept between the outermost native ones."""
    lower, weight = source_positions(2, 4, False)
    assert lower.tolist() == [0, 0, 0, 0]
    assert weight.tolist() == [0, 0.25, 0.75, 1]
    lower, weight = source_positions(3, 5, True)
    assert lower.tolist() == [0, 0, 1, 1, 1]
    assert weight.tolist() == [0, 0.5, 0, 0.5, 1]


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize(("native", "size"), [(1, 1), (1, 7), (7, 1), (5, 5), (9, 4), (4, 100)])
def test_positions_ascend_between_the_outermost_native_ones(native, size, align):
    lower, weight = source_positions(native, size, align)
    assert ((weight >= 0) & (weight <= 1)).all()
    assert lower.min() >= 0
    assert (lower + weight).max() <= native - 1
    assert (np.diff(lower + weight) >= 0).all()
    assert np.minimum(lower + 1, native - 1).max() < native


def test_at_the_native_size_every_pixel_is_a_native_one():
    lower, weight = source_positions(6, 6, False)
    np.testing.assert_array_equal(lower + weight, np.arange(6))


def test_a_compiled_transform_is_called_as_its_definition():
    def forbidden(z):
        raise AssertionError("the compiled form is for kernels alone")

    twice = CompiledTransform(lambda z: 2 * z, forbidden)
    np.testing.assert_array_equal(twice(np.ones((2, 3))), np.full((2, 3), 2.0))

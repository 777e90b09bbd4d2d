"""A Gaussian."""

import numpy as np
import pytest
from helpers.corruption_images import difference, picture
from scipy import ndimage

from reliseg.corruptions.compiled.gaussian import smooth
from reliseg.corruptions.weights import gaussian


@pytest.mark.parametrize("size", [(40, 50), (2, 3), (1, 1)])
def test_it_is_that_of_scipy_within_a_level(size):
    image = picture(*size)
    expected = ndimage.gaussian_filter(image.astype(float), (1.1, 1.1, 0), mode="nearest", truncate=4)
    assert difference(smooth(image, gaussian(1.1, 4)), np.floor(expected + 1e-9).astype(np.uint8))[0] <= 1

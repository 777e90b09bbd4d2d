"""Normalisation of images on the device of a network."""

import numpy as np
import pytest
import torch

from reliseg.models.torch.normalisation import Normalisation

CPU = torch.device("cpu")
IMAGES = list(np.random.default_rng(0).integers(0, 256, (2, 8, 12, 3), np.uint8))


@pytest.mark.parametrize("bgr", [False, True])
def test_normalisation_is_of_each_channel(bgr: bool) -> None:
    normalisation = Normalisation(mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 4.0), divisor=100.0, bgr=bgr)
    pixels = normalisation(IMAGES, CPU).numpy()
    ordered = np.stack(IMAGES)[..., ::-1] if bgr else np.stack(IMAGES)
    expected = (ordered / 100.0 - [0.1, 0.2, 0.3]) / [1.0, 2.0, 4.0]
    np.testing.assert_allclose(pixels, expected.transpose(0, 3, 1, 2), atol=1e-5)
    assert pixels.dtype == np.float32


@pytest.mark.parametrize("bgr", [False, True])
@pytest.mark.parametrize(
    ("mean", "std", "divisor"), [(None, None, 255.0), ((123.675,) * 3, (58.395, 57.12, 57.375), 1.0)]
)
def test_numpy_gives_the_same_bits(mean: tuple[float, ...], std: tuple[float, ...], divisor: float, bgr: bool) -> None:
    every_pixel = np.stack([np.arange(256, dtype=np.uint8)] * 3, axis=-1).reshape(16, 16, 3)
    normalisation = Normalisation(divisor=divisor, bgr=bgr) if mean is None else Normalisation(mean, std, divisor, bgr)
    planes = normalisation.in_numpy([every_pixel, every_pixel[::-1]])
    np.testing.assert_array_equal(planes, normalisation([every_pixel, every_pixel[::-1]], CPU).numpy())

"""Normalisation of images: what it computes, and means and deviations that are of other images."""

import numpy as np
import pytest
import torch

from reliseg.errors import ModelError
from reliseg.models.torch.normalisation import Normalisation, checked

CPU = torch.device("cpu")
IMAGES = list(np.random.default_rng(0).integers(0, 256, (2, 8, 12, 3), np.uint8))
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
MEAN_255, STD_255 = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


@pytest.mark.parametrize("bgr", [False, True])
def test_normalisation_is_of_each_channel(bgr: bool) -> None:
    normalisation = Normalisation(mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 4.0), divisor=100.0, bgr=bgr)
    pixels = normalisation(IMAGES, CPU).numpy()
    ordered = np.stack(IMAGES)[..., ::-1] if bgr else np.stack(IMAGES)
    expected = (ordered / 100.0 - [0.1, 0.2, 0.3]) / [1.0, 2.0, 4.0]
    np.testing.assert_allclose(pixels, expected.transpose(0, 3, 1, 2), atol=1e-5)
    assert pixels.dtype == np.float32


@pytest.mark.parametrize(
    "normalisation",
    [
        Normalisation(),
        Normalisation((0.0,) * 3, (1.0,) * 3),
        Normalisation((0.5,) * 3, (0.5,) * 3),
        Normalisation(MEAN, (1 / 255,) * 3),
        Normalisation(MEAN_255, STD_255, divisor=1.0),
        Normalisation(MEAN_255, (1.0,) * 3, divisor=1.0),
        Normalisation((0.0,) * 3, (1.0,) * 3, divisor=1.0),
        Normalisation((1.0,) * 3, (1.0,) * 3, divisor=127.5),
        Normalisation((0.0,) * 3, (255.0,) * 3, divisor=1.0),
    ],
)
def test_usual_normalisations_are_accepted(normalisation: Normalisation) -> None:
    assert checked(normalisation, "net") is normalisation


@pytest.mark.parametrize(
    ("normalisation", "problem"),
    [
        (
            Normalisation(MEAN_255, STD),
            r"mean is \[123.7, 116.3, 103.5\], and images are in 0..1 .* divide by 255: \[0.4",
        ),
        (Normalisation(MEAN, STD_255), r"std is \[58.4, 57.12, 57.38\], and images are in 0..1 .* divide by 255"),
        (Normalisation((-2.0, 0.0, 0.0), STD), r"mean is \[-2, 0, 0\], and images are in 0..1"),
        (Normalisation(MEAN, STD, divisor=1.0), "of images in 0..1, and images are in 0..255; multiply both by 255"),
        (Normalisation(MEAN, (0.2, 0.0, 0.2)), r"std is \[0.2, 0, 0.2\]; give positive numbers"),
        (Normalisation(MEAN, (0.2, -0.2, 0.2)), "give positive numbers"),
        (Normalisation((0.4, float("nan"), 0.4)), r"mean is \[0.4, nan, 0.4\]; give finite numbers"),
        (Normalisation(MEAN, (0.2, float("inf"), 0.2)), "give finite numbers"),
        (Normalisation((0.5,), (0.5,)), "mean has 1 numbers; give three, for red, green and blue"),
        (Normalisation(MEAN, STD, divisor=-255.0), "images are divided by -255 before"),
        (Normalisation(MEAN, STD, divisor=float("nan")), "images are divided by nan before"),
    ],
)
def test_a_normalisation_of_other_images_is_refused(normalisation: Normalisation, problem: str) -> None:
    with pytest.raises(ModelError, match=f"^model net: .*{problem}"):
        checked(normalisation, "net")

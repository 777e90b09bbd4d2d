"""Scales of images: what they compute, and means and deviations that are of other images."""

import numpy as np
import pytest

from reliseg.errors import ModelError
from reliseg.models.inference.normalisation import PixelScale, checked

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
MEAN_255, STD_255 = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def test_planes_are_normalised_each_and_in_the_order_of_colors_that_is_asked_for() -> None:
    images = list(np.random.default_rng(0).integers(0, 256, (2, 8, 12, 3), np.uint8))
    for bgr in (False, True):
        planes = PixelScale((0.1, 0.2, 0.3), (1.0, 2.0, 4.0), 100.0, bgr).in_numpy(images)
        ordered = np.stack(images)[..., ::-1] if bgr else np.stack(images)
        expected = (ordered / 100.0 - [0.1, 0.2, 0.3]) / [1.0, 2.0, 4.0]
        np.testing.assert_allclose(planes, expected.transpose(0, 3, 1, 2), atol=1e-5)
        assert planes.dtype == np.float32
        assert planes.flags.c_contiguous


@pytest.mark.parametrize(
    "normalisation",
    [
        PixelScale(),
        PixelScale((0.0,) * 3, (1.0,) * 3),
        PixelScale((0.5,) * 3, (0.5,) * 3),
        PixelScale(MEAN, (1 / 255,) * 3),
        PixelScale(MEAN_255, STD_255, divisor=1.0),
        PixelScale(MEAN_255, (1.0,) * 3, divisor=1.0),
        PixelScale((0.0,) * 3, (1.0,) * 3, divisor=1.0),
        PixelScale((1.0,) * 3, (1.0,) * 3, divisor=127.5),
        PixelScale((0.0,) * 3, (255.0,) * 3, divisor=1.0),
    ],
)
def test_usual_normalisations_are_accepted(normalisation: PixelScale) -> None:
    assert checked(normalisation, "net") is normalisation


@pytest.mark.parametrize(
    ("normalisation", "problem"),
    [
        (
            PixelScale(MEAN_255, STD),
            r"mean is \[123.7, 116.3, 103.5\], and images are in 0..1 .* divide by 255: \[0.4",
        ),
        (PixelScale(MEAN, STD_255), r"std is \[58.4, 57.12, 57.38\], and images are in 0..1 .* divide by 255"),
        (PixelScale((-2.0, 0.0, 0.0), STD), r"mean is \[-2, 0, 0\], and images are in 0..1"),
        (PixelScale(MEAN, STD, divisor=1.0), "of images in 0..1, and images are in 0..255; multiply both by 255"),
        (PixelScale(MEAN, (0.2, 0.0, 0.2)), r"std is \[0.2, 0, 0.2\]; give positive numbers"),
        (PixelScale(MEAN, (0.2, -0.2, 0.2)), "give positive numbers"),
        (PixelScale((0.4, float("nan"), 0.4)), r"mean is \[0.4, nan, 0.4\]; give finite numbers"),
        (PixelScale(MEAN, (0.2, float("inf"), 0.2)), "give finite numbers"),
        (PixelScale((0.5,), (0.5,)), "mean has 1 numbers; give three, for red, green and blue"),
        (PixelScale(MEAN, STD, divisor=-255.0), "images are divided by -255 before"),
        (PixelScale(MEAN, STD, divisor=float("nan")), "images are divided by nan before"),
    ],
)
def test_a_normalisation_of_other_images_is_refused(normalisation: PixelScale, problem: str) -> None:
    with pytest.raises(ModelError, match=f"^model net: .*{problem}"):
        checked(normalisation, "net")

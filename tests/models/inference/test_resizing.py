import numpy as np
import pytest
from PIL import Image as Pillow

from reliseg.models.inference.resizing import resize_image

IMAGE = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)


def test_resizing_is_bilinear_and_widens_when_it_shrinks() -> None:
    small = resize_image(IMAGE, (16, 24))
    np.testing.assert_array_equal(small, Pillow.fromarray(IMAGE).resize((24, 16), Pillow.Resampling.BILINEAR))
    assert small.std() < 0.6 * IMAGE.std()


def test_an_image_of_the_size_is_not_copied() -> None:
    assert resize_image(IMAGE, (64, 96)) is IMAGE


@pytest.mark.parametrize("size", [(1, 1), (128, 48), (65, 96)])
def test_the_size_is_height_and_width(size: tuple[int, int]) -> None:
    assert resize_image(IMAGE, size, resample=int(Pillow.Resampling.BICUBIC)).shape == (*size, 3)

"""Images brought to the size that a network sees, as three libraries do it."""

import sys

import cv2
import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from reliseg.errors import MissingExtraError
from reliseg.models import FitWithin
from reliseg.models.inference.resizing import Resizing, require_library, resize_image, target_size

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


@pytest.mark.parametrize(
    ("size", "seen"),
    [
        ((1024, 2048), (1024, 2048)),  # Cityscapes
        ((1080, 1920), (1024, 1820)),  # ACDC, and IDD at 1080p
        ((720, 1280), (1024, 1820)),
        ((1820, 1024), (1820, 1024)),
        ((300, 1200), (512, 2048)),
        ((1, 5000), (1, 2048)),
    ],
)
def test_the_ratio_is_kept_and_both_sides_fit(size: tuple[int, int], seen: tuple[int, int]) -> None:
    assert target_size(FitWithin(2048, 1024), size) == seen
    assert target_size(FitWithin(2048, 1024), size[::-1]) == seen[::-1]
    assert target_size(None, size) == size
    assert target_size((3, 4), size) == (3, 4)
    assert target_size(lambda s: (s[1], s[0]), size) == size[::-1]


def test_the_studys_second_size_adds_one_pixel() -> None:
    assert [target_size(FitWithin(2049, 1025), s) for s in ((1024, 2048), (1080, 1920))] == [(1025, 2049), (1025, 1822)]


def test_scales_multiply_the_target() -> None:
    assert Resizing(FitWithin(96, 96)).size_for((64, 96), 0.5) == (32, 48)
    assert Resizing().size_for((65, 97), 0.5) == (33, 49)
    assert Resizing((10, 20)).size_for((64, 96), 1.75) == (18, 35)
    assert Resizing().size_for((1, 1), 0.1) == (1, 1)


@pytest.mark.parametrize("size", [(16, 24), (100, 151), (64, 97)])
def test_each_library_interpolates_in_its_own_way(size: tuple[int, int]) -> None:
    by = {name: Resizing(size, interpolation=name)(IMAGE) for name in ("pillow", "opencv", "torch")}
    assert {image.shape for image in by.values()} == {(*size, 3)}
    assert {image.dtype for image in by.values()} == {np.dtype(np.uint8)}
    np.testing.assert_array_equal(by["opencv"], cv2.resize(IMAGE, size[::-1], interpolation=cv2.INTER_LINEAR))
    pixels = torch.from_numpy(IMAGE).permute(2, 0, 1)[None].float()
    smoothed = torch.nn.functional.interpolate(pixels, size, mode="bilinear", antialias=True)[0].permute(1, 2, 0)
    assert abs(by["torch"].astype(float) - smoothed.numpy()).max() <= 0.5 + 1e-3
    off = abs(by["torch"].astype(float) - by["pillow"]).max()
    assert off <= 2  # both widen; Pillow rounds after each direction
    if size == (16, 24):
        assert by["opencv"].std() > 1.3 * by["pillow"].std()  # OpenCV does not widen


def test_an_image_of_the_right_size_is_left_as_it_is() -> None:
    for name in ("pillow", "opencv", "torch"):
        assert Resizing((64, 96), interpolation=name)(IMAGE) is IMAGE


def test_a_library_that_is_not_there_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'reliseg\[opencv\]'"):
        require_library("opencv", "model net: interpolation: opencv")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(
        MissingExtraError, match=r"^model net: interpolation: torch needs torch: pip install 'reliseg\[torc"
    ):
        require_library("torch", "model net: interpolation: torch")
    require_library("pillow", "model net")


def test_what_a_result_says_of_the_size() -> None:
    assert Resizing().fact() is None
    assert Resizing((3, 4)).fact() == (3, 4)
    assert Resizing(FitWithin(4, 3)).fact() == {"long": 4, "short": 3}

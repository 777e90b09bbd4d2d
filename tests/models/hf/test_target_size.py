"""The sizes that image processors bring images to: those that transformers computes."""

import numpy as np
import pytest
from transformers.image_transforms import get_resize_output_image_size, get_size_with_aspect_ratio
from transformers.image_utils import get_image_size_for_max_height_width
from transformers.models.dpt.image_processing_pil_dpt import get_resize_output_image_size as of_dpt

from reliseg.models.hf.target_size import LeastScaled, ShortestEdge, Within
from reliseg.models.inference.resizing import target_size

SIZES = [(360, 480), (480, 360), (375, 500), (1024, 2048), (720, 1280), (641, 640), (64, 64), (97, 1001), (333, 500)]


@pytest.mark.parametrize("size", SIZES)
def test_sizes_are_those_of_transformers(size: tuple[int, int]) -> None:
    for shortest in (224, 256, 360, 640, 800):
        image = np.zeros((3, *size), np.uint8)
        expected = get_resize_output_image_size(image, shortest, default_to_square=False)
        assert ShortestEdge(shortest)(size) == tuple(expected)
        for longest in (512, 1333, 2560):
            assert ShortestEdge(shortest, longest)(size) == get_size_with_aspect_ratio(size, shortest, longest)
    assert Within(384, 512)(size) == get_image_size_for_max_height_width(size, 384, 512)
    for multiple in (1, 14, 32):
        own = of_dpt(np.zeros((3, *size), np.uint8), (384, 384), True, multiple)
        assert LeastScaled(384, 384, multiple)(size) == (own.height, own.width)


def test_edges_become_multiples_upwards() -> None:
    assert ShortestEdge(360, 2560, 32)((360, 480)) == (384, 480)
    assert Within(100, 100, 32)((360, 480)) == (96, 128)


def test_a_fixed_size_is_that_of_every_image() -> None:
    assert target_size((32, 48), (360, 480)) == (32, 48)
    assert target_size(Within(360, 360), (360, 480)) == (270, 360)

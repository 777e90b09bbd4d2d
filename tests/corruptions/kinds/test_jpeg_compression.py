"""The corruption `jpeg_compression`."""

import io

import numpy as np
from helpers.corruption_images import picture
from PIL import Image

from reliseg.corruptions import CORRUPTIONS, Corrupted


def test_it_is_what_pillow_writes_at_the_published_quality():
    image, file = picture(40, 60), io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=7)
    assert np.array_equal(Corrupted("jpeg_compression", 5)(image, "a/b"), np.asarray(Image.open(file)))


def test_the_refusal_of_a_side_says_what_to_leave_out():
    problem = CORRUPTIONS.get("jpeg_compression")().problem((3, 65_501))
    assert "65500" in problem
    assert "leave out jpeg_compression" in problem

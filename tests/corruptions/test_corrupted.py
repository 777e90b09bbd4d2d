"""One corruption of images."""

import re

from helpers.corruption_images import picture

from reliseg.corruptions import Corrupted


def test_its_name_has_kind_and_severity():
    assert Corrupted("fog", 3).name == "fog-3"


def test_facts_name_the_library_only_where_bytes_depend_on_one():
    assert Corrupted("fog", 3, 5).facts() == {"kind": "fog", "severity": 3, "seed": 5, "version": 1}
    assert re.fullmatch(r"libjpeg(-turbo)? \d.*", Corrupted("jpeg_compression", 1).facts()["library"])


def test_it_is_called_with_an_image_and_its_id():
    image = picture(8, 8)
    assert Corrupted("contrast", 1)(image, "a/b").shape == image.shape

"""Decisions of headers that are hard to meet in files; all others are in the table of `tests/data/test_reading.py`."""

import io

import numpy as np
import pytest
from PIL import Image

from reliseg.data.pictures import kinds
from reliseg.data.pictures.kinds import (
    FORMATS,
    bytes_per_pixel,
    file_problem,
    image_problem,
    is_16_bit,
    mask_problem,
    palette_colors,
    raw_mode,
)

PIXELS = np.zeros((6, 9), np.uint8)


def opened(kind: str, pixels=PIXELS, **options):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return Image.open(buffer), buffer


def test_every_format_is_one_that_pillow_knows():
    Image.init()
    assert set(FORMATS) - {"MPO"} <= set(Image.OPEN)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM", "TGA"])
def test_a_plain_picture_may_be_both(kind):
    picture, file = opened(kind)
    assert image_problem(picture, file) is mask_problem(picture, file, "index") is file_problem(picture, file) is None
    assert not is_16_bit(picture)
    assert raw_mode(picture) == "L"


@pytest.mark.parametrize("encoding", ["red", "color"])
def test_a_mask_of_colors_needs_colors_of_8_bits(encoding):
    for pixels in (PIXELS, PIXELS.astype(np.uint16)):
        assert f"encoding {encoding} needs an 8-bit" in mask_problem(*opened("PNG", pixels), encoding)
    for channels in (3, 4):
        assert mask_problem(*opened("PNG", np.dstack([PIXELS] * channels)), encoding) is None


def test_a_file_of_very_many_pictures_is_not_counted_to_its_end():
    pictures = [Image.fromarray(PIXELS + i % 2) for i in range(1200)]
    buffer = io.BytesIO()
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:])
    assert "it holds at least 1000 pictures" in file_problem(Image.open(buffer), buffer)


def test_large_pictures_of_an_animation_are_not_drawn_a_thousand_times(monkeypatch):
    monkeypatch.setattr(kinds, "_MOST_GIF_PIXELS", 54 * 5)
    pictures = [Image.fromarray(PIXELS + i % 2) for i in range(20)]
    buffer = io.BytesIO()
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:])
    assert "it holds at least 5 pictures" in file_problem(Image.open(buffer), buffer)


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [("PNG", {}, 8), ("JPEG", {}, 8), ("JPEG", {"progressive": True}, 10), ("WEBP", {}, 16), ("JPEG2000", {}, 20)],
)
def test_formats_whose_decoders_take_more_memory_may_have_fewer_pixels(kind, options, expected):
    assert bytes_per_pixel(opened(kind, **options)[0]) == expected


def test_the_colors_of_a_palette_are_counted():
    assert palette_colors(opened("PNG")[0]) == 256
    picture = Image.fromarray(PIXELS)
    picture.putpalette([*range(30)])
    for kind in ("PNG", "BMP", "GIF"):
        buffer = io.BytesIO()
        picture.save(buffer, kind)
        assert 1 <= palette_colors(Image.open(buffer)) <= 256


def test_the_place_in_the_file_is_kept():
    for kind in ("PNG", "WEBP", "JPEG2000", "BMP"):
        picture, file = opened(kind)
        place = file.tell()
        image_problem(picture, file)
        mask_problem(picture, file, "index")
        assert file.tell() == place


def test_a_jpeg_2000_whose_header_is_not_found_is_an_image_and_no_mask():
    picture, _ = opened("JPEG2000")
    assert "is a JPEG 2000" in mask_problem(picture, io.BytesIO(b"nothing"), "index")
    assert image_problem(picture, io.BytesIO(b"nothing")) is None

"""Formats with an end or with checksums; what they mean for images and masks is in `tests/data/test_reading.py`."""

import io

import numpy as np
import pytest
from PIL import Image

from reliseg.data.pictures.damage import DamagedError
from reliseg.data.pictures.whole import whole_file

PIXELS = np.random.default_rng(0).integers(0, 256, (70, 90, 3)).astype(np.uint8)
DEFLATED = {"compression": "tiff_adobe_deflate"}


def saved(kind, pixels=PIXELS, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def whole(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(Image.open(whole_file(str(picture.format), data, lambda: Image.open(io.BytesIO(data)))))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("TIFF", {}),
        ("TIFF", DEFLATED),
        ("TIFF", {**DEFLATED, "strip_size": 500}),
        ("PPM", {}),
        ("BMP", {}),
    ],
)
def test_a_whole_file_has_the_pixels_of_the_original(kind, options):
    assert np.array_equal(whole(saved(kind, **options)), PIXELS)


def test_a_jpeg_without_an_end_is_cut_off_even_if_one_stands_in_its_thumbnail():
    exif = Image.Exif()
    exif[0x010E] = "thumbnail \xff\xd8 .. \xff\xd9".encode("latin-1")
    data = saved("JPEG", exif=exif)
    assert data.count(b"\xff\xd9") == 2
    whole(data)
    for broken in (data[:-2] + b"\0\0", data[:100], data[:2], b"\xff\xd8" + b"\xff" * 50):
        with pytest.raises(DamagedError, match=r"it is cut off: it has no end \(EOI\)"):
            whole_file("JPEG", broken, lambda: Image.open(io.BytesIO(data)))


def test_a_deflated_tiff_whose_pixels_have_a_wrong_checksum_is_damaged():
    data = saved("TIFF", **DEFLATED)
    with Image.open(io.BytesIO(data)) as picture:
        (start,), (size,) = picture.tag_v2[273], picture.tag_v2[279]
    for place in (start + 30, start + size - 1):
        broken = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with pytest.raises(DamagedError, match="the checksum of its pixels is wrong"):
            whole(broken)
    picture = Image.open(io.BytesIO(data))
    with pytest.raises(DamagedError, match="it is cut off"):
        whole_file("TIFF", data[: start + size - 1], lambda: picture)


@pytest.mark.parametrize("pixels", [PIXELS, PIXELS[..., 0], PIXELS[..., 0] > 99, PIXELS[..., 0].astype(np.int32) * 200])
def test_several_pictures_in_a_file_of_the_pnm_family_are_refused(pixels):
    data = saved("PPM", pixels)
    assert np.array_equal(whole(data + b"\n"), pixels)
    with pytest.raises(DamagedError, match="it holds several pictures, and is read as one"):
        whole(data + data)

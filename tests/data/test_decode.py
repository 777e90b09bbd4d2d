import hashlib
import io
import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from reliseg.data import DecodedSample, load
from reliseg.data.pictures import file as picture_files
from reliseg.errors import ConfigError, SampleError
from reliseg.labels import VOID, label_space

IDS = np.array([[0, 1, 2], [10, 9, 255]], np.uint8)


@pytest.fixture
def pair(tmp_path, open_data):
    """Loads one image and mask, given as arrays, Pillow images or bytes."""

    def call(image=None, mask=None, *, suffix="png", with_image=True, **options) -> DecodedSample:
        image = np.zeros((*IDS.shape, 3), np.uint8) if image is None else image
        mask = IDS if mask is None else mask
        for path, content in ((f"images/1.{suffix}", image), ("masks/1.png", mask)):
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_bytes(_bytes(content))
        dataset = open_data("folder", tmp_path, labels="camvid", **options)
        return load(dataset, dataset.domains["all"].samples[0], image=with_image)

    return call


def _bytes(content) -> bytes:
    if isinstance(content, bytes):
        return content
    buffer = io.BytesIO()
    (content if isinstance(content, Image.Image) else Image.fromarray(content)).save(buffer, "PNG")
    return buffer.getvalue()


def png(pixels: np.ndarray, depth: int, color_type: int) -> bytes:
    """A PNG of rows of big-endian bytes: what Pillow does not write."""
    height, width = pixels.shape[:2]
    if depth < 8:
        bits = np.unpackbits(pixels.astype(np.uint8)[..., None], axis=-1)[..., 8 - depth :].reshape(height, -1)
        rows = np.packbits(bits, axis=1)
    else:
        rows = pixels.astype(f">u{depth // 8}").reshape(height, -1).view(np.uint8)
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0))]
    parts += [(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))), (b"IEND", b"")]
    chunks = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_pixels_size_and_hash(pair):
    rgb = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    loaded = pair(rgb)
    assert loaded.size == (2, 3)
    assert (loaded.image == rgb).all()
    assert loaded.image.flags.writeable
    assert loaded.truth.tolist() == IDS.tolist()
    assert loaded.truth.dtype == np.uint8
    assert loaded.sha256 == hashlib.sha256(_bytes(rgb) + _bytes(IDS)).hexdigest()


def test_without_the_image_size_truth_and_hash_are_the_same(pair):
    full, lean = pair(), pair(with_image=False)
    assert lean.image is None
    assert (lean.size, lean.sha256, lean.truth.tolist()) == (full.size, full.sha256, full.truth.tolist())


def test_without_annotations_there_is_no_truth(pair):
    loaded = pair(annotations="none")
    assert loaded.truth is None
    assert loaded.sha256 == hashlib.sha256(_bytes(np.zeros((2, 3, 3), np.uint8))).hexdigest()


def palette(pixels: np.ndarray) -> Image.Image:
    picture = Image.fromarray(pixels).convert("P")
    picture = Image.fromarray(pixels, "L") if picture.mode != "P" else picture
    picture.putdata(pixels.ravel().tolist())
    picture.putpalette([value for i in range(256) for value in (i, 255 - i, 7)])
    return picture


def _transparent() -> bytes:
    buffer = io.BytesIO()
    palette(IDS).save(buffer, "PNG", transparency=b"\x00\x80\xff")
    return buffer.getvalue()


GREY = np.array([[0, 50, 100], [150, 200, 255]], np.uint8)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (GREY, np.stack([GREY] * 3, -1)),
        (GREY > 99, np.stack([np.uint8(255) * (GREY > 99)] * 3, -1)),
        (np.stack([GREY, GREY // 2], -1), np.stack([GREY] * 3, -1)),
        (np.stack([GREY, GREY // 2, GREY // 5, GREY], -1), np.stack([GREY, GREY // 2, GREY // 5], -1)),
        (palette(IDS), np.stack([IDS, 255 - IDS, np.full_like(IDS, 7)], -1)),
        (_transparent(), np.stack([IDS, 255 - IDS, np.full_like(IDS, 7)], -1)),
    ],
    ids=["grey", "bits", "grey+alpha", "rgba", "palette", "palette+alpha"],
)
def test_other_kinds_of_images_become_rgb(image, expected, pair):
    assert pair(image).image.tolist() == expected.tolist()


@pytest.mark.parametrize(
    "image",
    [
        IDS.astype(np.uint16),
        png(np.zeros((2, 3, 3)), 16, 2),
        png(np.zeros((2, 3, 2)), 16, 4),
    ],
    ids=["grey", "rgb", "grey+alpha"],
)
def test_16_bit_images_are_refused(image, pair):
    with pytest.raises(SampleError, match=r"images/1.png: the image is 16-bit; convert it to 8-bit RGB"):
        pair(image)


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_turned_photo_is_refused_as_nobody_knows_how_it_was_annotated(pair, orientation):
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.zeros((2, 3, 3), np.uint8)).save(buffer, "JPEG", exif=exif)
    if orientation == 1:
        assert pair(buffer.getvalue(), suffix="jpg").image.shape == (2, 3, 3)
    else:
        with pytest.raises(SampleError, match=r"stored rotated \(EXIF orientation\); rotate the pixels"):
            pair(buffer.getvalue(), suffix="jpg")


SMALL = np.array([[0, 1, 1], [1, 0, 1]], np.uint8)


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (palette(IDS), IDS),
        (IDS.astype(np.uint16), IDS),
        (SMALL.astype(bool), SMALL),
        (png(SMALL, 1, 0), SMALL),
        (png(SMALL * 3, 2, 0), SMALL * 3),
        (png(SMALL * 10, 4, 0), SMALL * 10),
    ],
    ids=["palette", "16 bit", "bits", "1 bit", "2 bit", "4 bit"],
)
def test_masks_of_ids(mask, expected, pair):
    assert pair(mask=mask).truth.tolist() == expected.tolist()


def test_16_bit_ids(pair):
    raw = np.array([[300, 301, 300], [65535, 300, 300]], np.uint16)
    loaded = pair(mask=raw, label_map={"known": {300: 3, 301: 4}, "void": [65535]})
    assert loaded.truth.tolist() == [[3, 4, 3], [255, 3, 3]]


def test_32_bit_ids_must_be_16_bit_numbers(tmp_path, open_data):
    (tmp_path / "images").mkdir()
    Image.fromarray(np.zeros((1, 2, 3), np.uint8)).save(tmp_path / "images/1.png")
    for ids, problem in (([[3, 4]], None), ([[3, -4]], "ids from -4 to 3"), ([[3, 1 << 16]], "ids from 3 to 65536")):
        Image.fromarray(np.array(ids, np.int32)).save(tmp_path / "1.tif")
        dataset = open_data("folder", tmp_path, labels="camvid", mask="{stem}.tif")
        sample = dataset.domains["all"].samples[0]
        if problem is None:
            assert load(dataset, sample).truth.tolist() == ids
        else:
            with pytest.raises(SampleError, match=problem):
                load(dataset, sample)


def test_red_encoding(pair):
    mask = np.stack([IDS, IDS * 0 + 9, IDS * 0], -1)
    assert pair(mask=mask, label_map={"encoding": "red"}).truth.tolist() == IDS.tolist()
    for wrong in (IDS, png(np.zeros((2, 3, 3)), 16, 2)):
        with pytest.raises(SampleError, match="encoding red needs an 8-bit RGB mask"):
            pair(mask=wrong, label_map={"encoding": "red"})


def test_color_encoding(pair):
    colors = np.array(label_space("camvid").palette, np.uint8)
    ids = np.array([[0, 3, 10], [7, 7, 1]])
    alpha = np.dstack([colors[ids], np.full((2, 3), 255, np.uint8)])
    for mask in (colors[ids], alpha, Image.fromarray(colors[ids]).convert("P", palette=Image.Palette.ADAPTIVE)):
        assert pair(mask=mask, label_map={"encoding": "color"}).truth.tolist() == ids.tolist()
    with pytest.raises(SampleError, match="encoding color needs an 8-bit RGB"):
        pair(mask=IDS, label_map={"encoding": "color"})


def test_other_colors_are_named_or_void(pair):
    mask = np.full((2, 3, 3), 128, np.uint8)
    mask[0, 0] = (1, 2, 3)
    with pytest.raises(
        SampleError, match=r"masks/1.png: color \(1, 2, 3\) \(1 pixel\) is not in camvid's palette; correct"
    ):
        pair(mask=mask, label_map={"encoding": "color"})
    assert pair(mask=mask, label_map={"encoding": "color", "unlisted": "void"}).truth.tolist() == [
        [VOID, 0, 0],
        [0, 0, 0],
    ]


def test_a_palette_with_one_color_twice_cannot_be_read(tmp_path, open_data):
    (tmp_path / "twice.toml").write_text('classes = ["a", "b"]\npalette = [[1, 2, 3], [1, 2, 3]]')
    with pytest.raises(ConfigError, match="a and b have the same color"):
        open_data("folder", tmp_path, labels="twice.toml", folder=tmp_path, label_map={"encoding": "color"})


def _jpeg(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


NOISE = np.random.default_rng(0).integers(0, 11, (64, 64)).astype(np.uint8)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (b"", "the file is empty; copy it again"),
        (b"<html>404</html>", "not an image, or of an unknown format"),
        (_bytes(NOISE)[:900], "cannot be decoded"),
        (_bytes(NOISE)[:20], "cannot be decoded|not an image"),
        (np.zeros((3, 2), np.uint8), "the mask has height 3, width 2, and the image height 2, width 3"),
        (
            np.zeros((2, 3, 3), np.uint8),
            "the mask is in RGB mode, not grey or palette; .*color or red; or are images and masks swapped",
        ),
        (_jpeg(IDS), "the mask is a JPEG, .*; or are images and masks swapped"),
        (
            np.full((2, 3), 77, np.uint8),
            r"id 77 \(6 pixels\) is not in the label map; give every id a role in label_map, or set unlisted: void",
        ),
    ],
    ids=["empty", "html", "truncated", "header", "size", "rgb", "jpeg", "id"],
)
def test_a_broken_mask_is_one_line_with_sample_and_path(mask, message, pair, tmp_path):
    image = np.zeros((64, 64, 3), np.uint8) if isinstance(mask, bytes) and len(mask) == 900 else None
    with pytest.raises(
        SampleError, match=f"^all/1: {re.escape(str(tmp_path / 'masks/1.png'))}: .*({message})"
    ) as caught:
        pair(image, mask)
    assert caught.value.sample == "all/1"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cut", [0, 5, 30, 60, 400])
@pytest.mark.parametrize("kind", [_bytes, _jpeg])
def test_a_broken_image_is_a_sample_error(kind, cut, pair):
    with pytest.raises(SampleError, match=r"^all/1: .*images/1.png: "):
        pair(kind(np.dstack([NOISE * 20] * 3))[:cut], NOISE)


def test_a_file_that_is_gone(pair, flat, open_data):
    dataset = open_data("folder", flat)
    sample = dataset.domains["all"].samples[0]
    (flat / sample.mask).unlink()
    with pytest.raises(SampleError, match=r"a/1.png: cannot be read \(no such file or directory\)"):
        load(dataset, sample)


def test_large_images_are_legitimate_and_bombs_are_not(pair, monkeypatch):
    large = Image.new("1", (10_000, 10_000))  # Pillow's own limit would warn
    assert pair(large, with_image=False, annotations="none").size == (10_000, 10_000)
    monkeypatch.setattr(picture_files, "PIXEL_LIMIT", 5)
    monkeypatch.setattr(picture_files, "_HEADERS", {})
    with pytest.raises(SampleError, match="height 2, width 3; the limit is 5 pixels in all"):
        pair()
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2)
    with pytest.raises(SampleError, match="too large; the limit is 5 pixels"):
        pair()

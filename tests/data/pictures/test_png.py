"""The checksums of PNG files; what they mean for images and masks is in `tests/data/test_reading.py`."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from reliseg.data.pictures.damage import DamagedError
from reliseg.data.pictures.png import beside_pixels, late_exif, verified_png


def png(pixels: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", **options)
    return buffer.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


NOISE = np.random.default_rng(0).integers(0, 256, (30, 40, 3)).astype(np.uint8)
SMOOTH = np.add.outer(np.arange(300), np.arange(400)).astype(np.uint8)


@pytest.mark.parametrize(
    "pixels", [NOISE, SMOOTH, SMOOTH > 9, SMOOTH.astype(np.uint16) * 7, np.zeros((1, 1), np.uint8)]
)
@pytest.mark.parametrize("level", [0, 1, 9])
def test_the_file_that_is_decoded_has_the_same_pixels_and_palette(pixels, level):
    original = png(pixels, compress_level=level)
    assert np.array_equal(np.asarray(Image.open(verified_png(original))), pixels)
    if pixels is SMOOTH:
        picture = Image.fromarray(pixels)
        picture.putpalette(range(256))
        buffer = io.BytesIO()
        picture.save(buffer, "PNG", transparency=3)
        found = Image.open(verified_png(buffer.getvalue()))
        assert found.getpalette() == Image.open(buffer).getpalette()
        assert found.info["transparency"] == 3


@given(st.integers(1, 20), st.integers(1, 20), st.sampled_from([(1, 0), (2, 3), (4, 0), (8, 2), (16, 0), (8, 6)]))
def test_the_size_of_interlaced_pixels_is_that_of_all_passes(height, width, kind):
    depth, color = kind
    bits = depth * {0: 1, 2: 3, 3: 1, 6: 4}[color]
    steps = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    grid = np.zeros((height, width))
    passes = [grid[y::dy, x::dx] for x, y, dx, dy in steps]
    raw = bytes(sum(len(p) * (1 + -(-p.shape[1] * bits // 8)) for p in passes if p.size))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 1))
    for content, is_whole in ((raw, True), (raw[:-1], False), (raw + b"\0", False)):
        data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(content)) + chunk(b"IEND", b"")
        if is_whole:
            verified_png(data)
        else:
            with pytest.raises(DamagedError, match=r"it holds (fewer|more) pixels than its header says"):
                verified_png(data)


def test_pixels_in_many_chunks_and_empty_ones_are_one_stream():
    raw = b"".join(b"\0" + row.tobytes() for row in NOISE)
    packed = zlib.compress(raw)
    parts = [packed[i : i + 1] for i in range(50)] + [b"", packed[50:-2], packed[-2:-1], packed[-1:], b""]
    start = png(NOISE)[: 8 + 25]
    data = start + b"".join(chunk(b"IDAT", part) for part in parts) + chunk(b"IEND", b"")
    assert np.array_equal(np.asarray(Image.open(verified_png(data))), NOISE)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda data: data[:-12], r"it has no end \(IEND\)"),
        (lambda data: data[:-13], "it is cut off"),
        (lambda data: data[:20], "it is cut off"),
        (lambda data: data[:8] + data[33:], r"it does not begin with a header \(IHDR\)"),
        (lambda data: data[:30] + b"\0" + data[31:], "the checksum of its IHDR chunk is wrong"),
        (lambda data: data[:90] + bytes([data[90] ^ 1]) + data[91:], "the checksum of its IDAT chunk is wrong"),
        (lambda data: data[:33] + chunk(b"IEND", b""), "it holds fewer pixels than its header says"),
        (lambda data: data[:33] + chunk(b"IDAT", b"nonsense") + data[-12:], "cannot be inflated"),
        (
            lambda data: data[:8] + chunk(b"IHDR", data[16:25] + b"\x05" + data[26:29]),
            "its color type 5 with 8 bits does not exist",
        ),
        (
            lambda data: data[:8] + chunk(b"IHDR", data[16:24] + b"\x03" + data[25:29]),
            "with 3 bits does not exist",
        ),
        (
            lambda data: data[:8] + chunk(b"IHDR", data[16:27] + b"\x01" + data[28:29]),
            "its header asks for what the format does not have",
        ),
        (
            lambda data: data[:33] + data[8:],
            "its IHDR chunk stands there twice",
        ),
    ],
)
def test_damage_is_named(damage, problem):
    with pytest.raises(DamagedError, match=problem):
        verified_png(damage(png(NOISE)))


def test_a_small_file_that_inflates_for_ever_is_stopped_where_its_pixels_end():
    start = png(NOISE)[:33]
    with pytest.raises(DamagedError, match="it holds more pixels"):
        verified_png(start + chunk(b"IDAT", zlib.compress(bytes(100_000_000))) + chunk(b"IEND", b""))


def test_exif_data_are_found_wherever_they_stand():
    exif = chunk(b"eXIf", b"MM\0*")
    plain = png(NOISE)
    for data, expected in ((plain[:33] + exif + plain[33:], b"MM\0*"), (plain[:-12] + exif, b"MM\0*"), (plain, None)):
        file = io.BytesIO(data)
        file.seek(5)
        assert late_exif(file) == expected
        assert file.tell() == 5


def test_a_file_of_endless_chunks_is_left_after_a_while(monkeypatch):
    monkeypatch.setattr("reliseg.data.pictures.png._MOST_CHUNKS", 1000)
    data = png(NOISE)
    many = data[:33] + chunk(b"teXt", b"") * 1000 + data[33:]
    with pytest.raises(DamagedError, match="it has more than 1000 chunks"):
        verified_png(many)
    assert late_exif(io.BytesIO(many)) is None
    assert beside_pixels(io.BytesIO(many)) is None


def test_what_stands_beside_the_pixels_is_all_but_these():
    plain, other = png(NOISE), png(NOISE[::-1])
    file = io.BytesIO(plain)
    file.seek(5)
    assert beside_pixels(file) == plain[8:33] + b"IDAT" + plain[-12:]
    assert file.tell() == 5
    assert beside_pixels(io.BytesIO(other)) == beside_pixels(file)
    exif = chunk(b"eXIf", b"MM\0*")
    changed = [plain[:33] + exif + plain[33:], plain[:-12] + exif + plain[-12:], png(NOISE[:, 1:]), png(NOISE[..., 0])]
    found = [beside_pixels(io.BytesIO(data)) for data in (plain, *changed)]
    assert None not in found
    assert len(set(found)) == 5


def test_nothing_stands_for_what_is_not_whole_or_has_much_beside_its_pixels():
    plain = png(NOISE)
    much = plain[:33] + chunk(b"teXt", bytes(5000)) + plain[33:]
    for data in (b"", plain[:20], plain[:-20], plain[:-12], plain + b"\0", much, b"GIF89a" + plain[6:]):
        assert beside_pixels(io.BytesIO(data)) is None

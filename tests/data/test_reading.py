"""How files are read: a row for each way in which a picture may be something else than it seems.

An image is what a viewer shows, a mask what was stored: the right pixels, or a refusal, which `check` finds from the
header alone where the header tells.
"""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from reliseg.data import load
from reliseg.data.decode import check_sizes
from reliseg.errors import SampleError

RANDOM = np.random.default_rng(5)
IDS = RANDOM.integers(0, 11, (6, 9)).astype(np.uint8)
RGB = RANDOM.integers(0, 256, (6, 9, 3)).astype(np.uint8)
BITS = (IDS > 5).astype(np.uint8)


def saved(pixels, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(buffer, kind, **options)
    return buffer.getvalue()


def palette(pixels: np.ndarray = IDS) -> Image.Image:
    picture = Image.fromarray(pixels)
    picture.putpalette([v for i in range(256) for v in (i, 255 - i, 7)])
    return picture


def turned(orientation: int = 6) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(
    pixels: np.ndarray, depth: int, color: int, *, before: bytes = b"", behind: bytes = b"", interlaced=False
) -> bytes:
    """A PNG of samples of `depth` bits, made by hand: all that Pillow does not write."""

    def rows(part: np.ndarray) -> bytes:
        if depth == 16:
            return b"".join(b"\0" + row.astype(">u2").tobytes() for row in part)
        bits = np.unpackbits(part.reshape(len(part), -1, 1).astype(np.uint8), axis=-1)[..., 8 - depth :]
        return b"".join(b"\0" + row.tobytes() for row in np.packbits(bits.reshape(len(part), -1), axis=1))

    steps = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    passes = [pixels[y::dy, x::dx] for x, y, dx, dy in steps] if interlaced else [pixels]
    raw = b"".join(rows(part) for part in passes if part.size)
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], depth, color, 0, 0, interlaced)
    parts = chunk(b"IHDR", header) + before + chunk(b"IDAT", zlib.compress(raw)) + behind + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


COLORS = chunk(b"PLTE", bytes(v for i in range(16) for v in (i, 0, 7)))
EXIF = chunk(b"eXIf", turned().tobytes()[6:])


def tiff(
    pixels: np.ndarray, bits: int, *, photometric: int = 1, signed: bool = False, packed: bytes | None = None
) -> bytes:
    """A TIFF with one strip, made by hand."""
    data = pixels.tobytes() if packed is None else packed
    tags = {256: pixels.shape[1], 257: pixels.shape[0], 258: bits, 259: 1, 262: photometric, 273: 200, 277: 1,
            278: pixels.shape[0], 279: len(data), 339: 2 if signed else 1}  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0)
    return head.ljust(200, b"\0") + data


def bmp(nibbles: bytes, colors: list[tuple[int, int, int]]) -> bytes:
    """A BMP of 4 bits and one row, made by hand."""
    table = b"".join(bytes((*reversed(color), 0)) for color in colors)
    start = 54 + len(table)
    head = struct.pack("<HHI", 0, 0, start) + struct.pack("<IiiHHIIiiII", 40, 9, 1, 1, 4, 0, 8, 0, 0, len(colors), 0)
    return b"BM" + struct.pack("<I", start + 8) + head + table + nibbles.ljust(8, b"\0")


def pages(first: np.ndarray, *others: np.ndarray, **options) -> bytes:
    return saved(first, "TIFF", save_all=True, append_images=[Image.fromarray(p) for p in others], **options)


def overview() -> bytes:
    """A TIFF with a smaller version of its page, as those of aerial images have."""
    buffer = io.BytesIO()
    from PIL.TiffImagePlugin import AppendingTiffWriter

    with AppendingTiffWriter(buffer, True) as writer:
        Image.fromarray(RGB).save(writer, "TIFF")
        writer.newFrame()
        Image.fromarray(RGB[::2, ::2]).save(writer, "TIFF", tiffinfo={254: 1})
    return buffer.getvalue()


def two_of(kind: str, **options) -> bytes:
    return saved(RGB, kind, save_all=True, append_images=[Image.fromarray(255 - RGB)], **options)


def jpeg_pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


PHONE = saved(RGB, "MPO", save_all=True, append_images=[Image.fromarray(RGB)])
JPEG = saved(RGB, "JPEG", quality=95)
CMYK = saved(Image.fromarray(RGB).convert("CMYK"), "JPEG")
GIF = saved(palette(), "GIF")
TURNED = r"stored rotated \(EXIF orientation\); rotate the pixels and remove the tag"
JPEG_2000 = "the mask is a JPEG 2000, which may have changed ids; save masks as PNG"
LATE = "not found by the header"


IMAGES = {
    "png": (saved(RGB, "PNG"), RGB),
    "tiff": (saved(RGB, "TIFF"), RGB),
    "tiff, deflated": (saved(RGB, "TIFF", compression="tiff_adobe_deflate"), RGB),
    "tiff with a smaller version": (overview(), RGB),
    "tiff in which 0 is white": (tiff(255 - IDS, 8, photometric=0), np.dstack([IDS] * 3)),
    "bmp": (saved(RGB, "BMP"), RGB),
    "ppm": (saved(RGB, "PPM"), RGB),
    "webp": (saved(RGB, "WEBP", lossless=True), RGB),
    "jpeg 2000": (saved(RGB, "JPEG2000"), RGB),
    "gif": (saved(palette(), "GIF"), np.dstack([IDS, 255 - IDS, np.full_like(IDS, 7)])),
    "jpeg": (JPEG, jpeg_pixels(JPEG)),
    "jpeg, upright": (saved(RGB, "JPEG", quality=95, exif=turned(1)), jpeg_pixels(JPEG)),
    "jpeg of no known orientation": (saved(RGB, "JPEG", quality=95, exif=turned(9)), jpeg_pixels(JPEG)),
    "jpeg of a phone": (PHONE, jpeg_pixels(PHONE)),
    "jpeg with something behind": (JPEG + b"something", jpeg_pixels(JPEG)),
    "png with something behind": (saved(RGB, "PNG") + b"something", RGB),
    "png, interlaced": (png(RGB, 8, 2, interlaced=True), RGB),
    "png of 4 grey bits": (png(IDS, 4, 0), np.dstack([IDS * 17] * 3)),
    "png, palette of 4 bits": (png(IDS, 4, 3, before=COLORS), np.dstack([IDS, 0 * IDS, 0 * IDS + 7])),
    "png with a transparent color": (png(RGB, 8, 2, before=chunk(b"tRNS", bytes(6))), RGB),
    "png with a profile of grey": (saved(IDS, "PNG", icc_profile=b"grey"), np.dstack([IDS] * 3)),
    "animation of one picture": (saved(RGB, "PNG", save_all=True), RGB),
    "palette of too few colors": (
        png(IDS + 7, 8, 3, before=chunk(b"PLTE", bytes(30))),
        LATE,
        "it uses more colors than the 10 of its palette",
    ),
    "cmyk of adobe": (CMYK, jpeg_pixels(CMYK)),
    "jpeg, turned, said in xmp": (saved(RGB, "JPEG", xmp=b'<rdf:Description tiff:Orientation="6"/>'), TURNED),
    "jpeg, turned": (saved(RGB, "JPEG", exif=turned()), TURNED),
    "jpeg of a phone, turned": (
        saved(RGB, "MPO", save_all=True, append_images=[Image.fromarray(RGB)], exif=turned()),
        TURNED,
    ),
    "png, turned": (saved(RGB, "PNG", exif=turned(3)), TURNED),
    "png, turned, said behind the pixels": (png(RGB, 8, 2, behind=EXIF), TURNED),
    "webp, turned": (saved(RGB, "WEBP", exif=turned(8)), TURNED),
    "avif, turned": (saved(RGB, "AVIF", exif=turned(2)), TURNED),
    "tiff, turned": (saved(RGB, "TIFF", tiffinfo={274: 6}), TURNED),
    "tiff, mirrored": (saved(RGB, "TIFF", tiffinfo={274: 2}), TURNED),
    "gif that moves": (two_of("GIF"), "it holds 2 pictures"),
    "gif of a part of its canvas": (
        GIF[:6] + struct.pack("<HH", 12, 6) + GIF[10:],
        "its picture covers a part of its canvas",
    ),
    "png that moves": (two_of("PNG"), "it holds 2 pictures"),
    "png that moves, and another": (two_of("PNG", default_image=True), "it holds 2 pictures"),
    "webp that moves": (two_of("WEBP"), "it holds 2 pictures"),
    "avif that moves": (two_of("AVIF"), "it holds 2 pictures"),
    "tiff of three pages": (pages(RGB, RGB, RGB), "it holds 3 pictures"),
    "ppm of two pictures": (saved(RGB, "PPM") * 2, LATE, "it holds several pictures"),
    "16 bits of grey": (saved(IDS.astype(np.uint16), "PNG"), "the image is 16-bit; convert it to 8-bit RGB"),
    "16 bits of color": (png(RGB, 16, 2), "the image is 16-bit"),
    "16 bits of color and alpha": (png(np.dstack([RGB, IDS]), 16, 6), "the image is 16-bit"),
    "16 bits in a tiff": (tiff(IDS.astype(np.uint16), 16), "the image is 16-bit"),
    "16 bits in a jpeg 2000": (saved(IDS.astype(np.uint16), "JPEG2000"), "the image is 16-bit"),
    "32 bits": (saved(IDS.astype(np.int32), "TIFF"), "the image is 32-bit"),
    "floats": (saved(IDS.astype(np.float32), "TIFF"), "the image is of floating-point numbers"),
    "signed": (tiff(IDS, 8, signed=True), "the image holds signed numbers"),
    "lab": (saved(Image.merge("LAB", Image.fromarray(RGB).split()), "TIFF"), "the image is LAB mode"),
    "cmyk without a mark": (CMYK.replace(b"Adobe", b"Adopt"), "the image is CMYK, whose colors depend"),
    "cmyk with a profile": (saved(Image.fromarray(RGB).convert("CMYK"), "JPEG", icc_profile=b"x"), "the image is CMYK"),
    "postscript": (saved(RGB, "EPS"), "not an image, or of an unknown format"),
    "bmp, grey of 4 bits": (bmp(bytes(5), [(i, i, i) for i in range(10)]), "BMP with a grey palette of another size"),
    "icon": (saved(RGB, "ICO"), "not an image, or of an unknown format"),
}

MASKS = {
    "png": (saved(IDS, "PNG"), IDS),
    "palette": (saved(palette(), "PNG"), IDS),
    "palette, partly transparent": (saved(palette(), "PNG", transparency=b"\0\x80\xff"), IDS),
    "palette of 4 bits": (png(IDS, 4, 3, before=COLORS), IDS),
    "grey of 4 bits": (png(IDS, 4, 0), IDS),
    "grey of 2 bits": (png(IDS % 4, 2, 0), IDS % 4),
    "grey of 1 bit": (png(BITS, 1, 0), BITS),
    "grey with a transparent value": (png(IDS, 8, 0, before=chunk(b"tRNS", b"\0\3")), IDS),
    "grey with a profile": (saved(IDS, "PNG", icc_profile=b"grey"), IDS),
    "interlaced": (png(IDS, 8, 0, interlaced=True), IDS),
    "interlaced, 4 bits": (png(IDS, 4, 0, interlaced=True), IDS),
    "16 bits": (saved(IDS.astype(np.uint16), "PNG"), IDS),
    "tiff": (saved(IDS, "TIFF"), IDS),
    "tiff, palette": (saved(palette(), "TIFF"), IDS),
    "tiff, deflated": (saved(IDS, "TIFF", compression="tiff_adobe_deflate"), IDS),
    "tiff, lzw": (saved(IDS, "TIFF", compression="tiff_lzw"), IDS),
    "tiff, 16 bits": (saved(IDS.astype(np.uint16), "TIFF"), IDS),
    "tiff, 32 bits": (saved(IDS.astype(np.int32), "TIFF"), IDS),
    "tiff, 4 bits": (
        tiff(np.zeros((2, 4)), 4, packed=bytes([0x12, 0x34, 0x56, 0x78])),
        np.array([[1, 2, 3, 4], [5, 6, 7, 8]]),
    ),
    "bmp": (saved(IDS, "BMP"), IDS),
    "bmp, palette": (saved(palette(), "BMP"), IDS),
    "bmp, palette of 4 bits": (
        bmp(b"\x12\x34\x56\x78\x90", [(i, 0, i) for i in range(10)]),
        np.array([[*range(1, 10)]]),
    ),
    "bmp, grey of 4 bits": (bmp(b"\x12\x34\x56\x78\x90", [(i, i, i) for i in range(10)]), "BMP with a grey palette"),
    "bmp, two greys of 4 bits": (bmp(b"\x10\x01\x10\x01\x10", [(0, 0, 0), (255, 255, 255)]), "BMP with a grey palette"),
    "gif": (saved(palette(), "GIF", optimize=False), IDS),
    "pgm": (saved(IDS, "PPM"), IDS),
    "pgm, 16 bits": (saved(Image.fromarray(IDS.astype(np.uint16)), "PPM"), IDS),
    "tga": (saved(IDS, "TGA"), IDS),
    "pcx": (saved(palette(), "PCX"), IDS),
    "sgi": (saved(IDS, "SGI"), IDS),
    "png, turned": (saved(IDS, "PNG", exif=turned()), TURNED),
    "png, turned, said behind the pixels": (png(IDS, 8, 0, behind=EXIF), TURNED),
    "tiff, turned": (saved(IDS, "TIFF", tiffinfo={274: 3}), TURNED),
    "several pages": (pages(IDS, IDS), "it holds 2 pictures"),
    "gif that moves": (
        saved(palette(), "GIF", save_all=True, append_images=[palette(10 - IDS)]),
        "it holds 2 pictures",
    ),
    "grey with alpha": (saved(np.dstack([IDS, IDS]), "PNG"), "the mask is in LA mode, not grey or palette"),
    "16 bits of grey with alpha": (png(np.dstack([IDS, IDS]), 16, 4), "the mask is in RGBA mode"),
    "floats": (saved(IDS.astype(np.float32), "TIFF"), "the mask is in F mode"),
    "colors": (saved(RGB, "PNG"), "the mask is in RGB mode, not grey or palette"),
    "jpeg": (saved(IDS, "JPEG"), "the mask is a JPEG, which changes ids; save masks as PNG"),
    "jpeg of a phone": (PHONE, "the mask is a JPEG, which changes ids"),
    "avif": (saved(IDS, "AVIF"), "the mask is a AVIF, which changes ids"),
    "webp that rounds": (saved(IDS, "WEBP"), "the mask is a lossy WebP, which changes ids"),
    "jpeg 2000 that rounds": (saved(IDS, "JPEG2000", irreversible=True), JPEG_2000),
    "jpeg 2000 that is cut down to a size": (
        saved(IDS, "JPEG2000", quality_mode="rates", quality_layers=[40]),
        JPEG_2000,
    ),
    "jpeg 2000 that nothing tells from one that is cut down": (saved(IDS, "JPEG2000"), JPEG_2000),
    "tiff with a jpeg inside": (saved(IDS, "TIFF", compression="jpeg"), "the mask is a TIFF with jpeg compression"),
    "tiff in which 0 is white": (
        tiff(IDS, 8, photometric=0),
        "the mask is a TIFF in which 0 is white, so that its ids",
    ),
    "signed": (tiff(IDS, 8, signed=True), "the mask holds signed numbers"),
    "pgm up to 10": (b"P5 9 6 10\n" + IDS.tobytes(), "the mask is a PBM, or a PGM whose largest value is neither 255"),
    "pbm": (saved(Image.fromarray(BITS > 0), "PPM"), "the mask is a PBM"),
}


@pytest.fixture
def read(tmp_path, open_data):
    """Gives the sample of an image and a mask, whose files hold these bytes."""

    def call(image: bytes, mask: bytes | None = None):
        for name, content in (("image", image), ("mask", mask)):
            if content is not None:
                (tmp_path / f"{name}.1").write_bytes(content)
        options = {"labels": "camvid", "image": "image.{stem}", "mask": "mask.{stem}"}
        dataset = open_data("folder", tmp_path, annotations="none" if mask is None else "required", **options)
        return dataset, dataset.domains["all"].samples[0]

    return call


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_is_what_a_viewer_shows_or_refused(name, read):
    content, *expected = IMAGES[name]
    dataset, sample = read(content)
    if isinstance(expected[0], np.ndarray):
        check_sizes(dataset, sample)
        assert np.array_equal(load(dataset, sample).image, expected[0])
        return
    if expected[0] is not LATE:
        with pytest.raises(SampleError, match=f"^all/1: .*image.1: .*{expected[0]}"):
            check_sizes(dataset, sample)
    with pytest.raises(SampleError, match=f"^all/1: .*image.1: .*{expected[-1]}"):
        load(dataset, sample)


@pytest.mark.parametrize("name", MASKS)
def test_a_mask_is_what_was_stored_or_refused(name, read):
    content, expected = MASKS[name]
    shape = expected.shape if isinstance(expected, np.ndarray) else IDS.shape
    dataset, sample = read(saved(np.zeros((*shape, 3), np.uint8), "PNG"), content)
    if isinstance(expected, np.ndarray):
        check_sizes(dataset, sample)
        assert load(dataset, sample).truth.tolist() == expected.tolist()
    else:
        for look in (check_sizes, load):
            with pytest.raises(SampleError, match=f"^all/1: .*mask.1: .*{expected}"):
                look(dataset, sample)


def outcome(dataset, sample):
    try:
        return load(dataset, sample).truth
    except SampleError:
        return None


@pytest.mark.parametrize("kind", ["PNG", "PNG, 16 bits", "PNG, palette", "TIFF"])
def test_a_mask_with_a_flipped_bit_is_refused_or_gives_the_ids_of_the_original(kind, read, tmp_path):
    ids = RANDOM.integers(0, 4, (60, 80)).repeat(4, 0).repeat(4, 1).astype(np.uint8)
    picture = {"PNG, 16 bits": ids.astype(np.uint16), "PNG, palette": palette(ids)}.get(kind, ids)
    options = {"compression": "tiff_adobe_deflate"} if kind == "TIFF" else {}
    original = saved(picture, kind.partition(",")[0], **options)
    dataset, sample = read(saved(np.zeros((*ids.shape, 3), np.uint8), "PNG"), original)
    assert (load(dataset, sample).truth == ids).all()
    refused = 0
    for place in RANDOM.integers(0, 8 * len(original), 500):
        flipped = bytearray(original)
        flipped[place // 8] ^= 1 << (place % 8)
        (tmp_path / "mask.1").write_bytes(flipped)
        found = outcome(dataset, sample)
        refused += found is None
        assert found is None or (found == ids).all()
    assert refused > (300 if kind == "TIFF" else 495)


def test_an_image_with_a_flipped_bit_is_refused_or_has_the_pixels_of_the_original(read, tmp_path):
    rgb = RANDOM.integers(0, 256, (40, 50, 3)).astype(np.uint8)
    original = saved(rgb, "PNG")
    dataset, sample = read(original)
    for place in RANDOM.integers(0, 8 * len(original), 200):
        flipped = bytearray(original)
        flipped[place // 8] ^= 1 << (place % 8)
        (tmp_path / "image.1").write_bytes(flipped)
        with pytest.raises(SampleError):
            load(dataset, sample)


def test_a_wrong_checksum_of_the_pixels_alone_is_seen(read):
    raw = b"".join(b"\0" + row.tobytes() for row in IDS)
    for content, problem in (
        (zlib.compress(raw)[:-1] + b"\x99", "the checksum of its pixels is wrong"),
        (zlib.compress(raw)[:-4], "it holds fewer pixels than its header says"),
        (zlib.compress(raw[:-10]), "it holds fewer pixels than its header says"),
        (zlib.compress(raw + bytes(10)), "it holds more pixels than its header says"),
    ):
        whole = png(IDS, 8, 0)
        broken = whole.replace(chunk(b"IDAT", zlib.compress(raw)), chunk(b"IDAT", content))
        assert broken != whole
        dataset, sample = read(saved(RGB, "PNG"), broken)
        with pytest.raises(SampleError, match=f"mask.1: cannot be decoded \\({problem}"):
            load(dataset, sample)


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize(
    "original",
    [
        JPEG,
        saved(RGB, "JPEG", progressive=True),
        saved(RGB, "PNG"),
        saved(RGB, "TIFF"),
        saved(RGB, "BMP"),
        saved(RGB, "PPM"),
        saved(RGB, "WEBP"),
        saved(RGB, "TIFF", compression="tiff_adobe_deflate"),
    ],
    ids=["jpeg", "progressive", "png", "tiff", "bmp", "ppm", "webp", "deflated"],
)
def test_a_file_that_is_cut_off_is_refused_also_where_a_program_asks_for_half_pictures(
    original, lenient, read, tmp_path, monkeypatch
):
    dataset, sample = read(original)
    load(dataset, sample)
    lengths = range(1, len(original) - 1, max(1, len(original) // 60))
    for length in (*lengths, len(original) - 2):
        for tail in (b"", bytes(len(original) - length)):
            if tail and not original.startswith((b"\xff\xd8", b"\x89PNG")):
                continue  # nothing in these formats tells zeros from pixels
            monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", lenient)
            (tmp_path / "image.1").write_bytes(original[:length] + tail)
            with pytest.raises(SampleError):
                load(dataset, sample)


@pytest.mark.parametrize("look", [check_sizes, load])
@pytest.mark.parametrize("which", ["image", "mask"])
def test_what_is_no_regular_file_is_refused_without_waiting(which, look, read, tmp_path):
    dataset, sample = read(saved(RGB, "PNG"), saved(IDS, "PNG"))
    path = tmp_path / f"{which}.1"
    for make, problem in (
        (path.mkdir, "it is a folder, not a file"),
        (lambda: os.mkfifo(path), "it is a pipe, not a regular file"),
        (lambda: path.symlink_to("/dev/zero"), "it is a device, not a regular file"),
        (lambda: path.symlink_to("nowhere"), "no such file"),
        (lambda: path.symlink_to(path.name), "symbolic links"),
        (lambda: path.symlink_to("/proc/cpuinfo"), "the file is empty"),
    ):
        path.rmdir() if path.is_dir() else path.unlink()
        make()
        with pytest.raises(SampleError, match=f"{which}.1: .*{problem}"):
            look(dataset, sample)


def test_a_small_file_of_too_many_pixels_is_refused_by_its_header(read):
    side = 12_000
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    bomb = b"\x89PNG\r\n\x1a\n" + content
    for look in (check_sizes, load):
        with pytest.raises(SampleError, match="height 12000, width 12000; the limit is 125000000 pixels in all for"):
            look(*read(bomb))


def test_a_file_of_zeros_that_claims_to_be_large_is_not_read(read, tmp_path):
    dataset, sample = read(saved(RGB, "PNG"))
    with (tmp_path / "image.1").open("wb") as file:
        file.truncate(1 << 40)
    for look in (check_sizes, load):
        with pytest.raises(SampleError, match=r"cannot be read \(it has 1.1 TB, and the limit is 537 MB\)"):
            look(dataset, sample)


def test_a_file_of_far_more_bytes_than_its_pixels_need_is_not_read(read, tmp_path):
    dataset, sample = read(saved(RGB, "PNG"))
    with (tmp_path / "image.1").open("r+b") as file:
        file.truncate(100_000_000)
    with pytest.raises(SampleError, match="it has 100 MB, too many for height 6, width 9; copy it again"):
        load(dataset, sample)


def test_a_mask_of_colors_with_too_few_of_them_in_its_palette_is_refused(read, tmp_path, open_data):
    read(saved(RGB, "PNG"), png(IDS + 7, 8, 3, before=chunk(b"PLTE", bytes(30))))
    options = {"image": "image.{stem}", "mask": "mask.{stem}", "label_map": {"encoding": "color", "unlisted": "void"}}
    dataset = open_data("folder", tmp_path, labels="camvid", **options)
    with pytest.raises(SampleError, match=r"mask.1: .*it uses more colors than the 10 of its palette"):
        load(dataset, dataset.domains["all"].samples[0])


def test_what_pillow_says_about_a_damaged_file_reaches_no_terminal(read, capfd):
    many = tiff(IDS, 8).replace(struct.pack("<HHII", 277, 4, 1, 1), struct.pack("<HHII", 277, 4, 1, 65537))
    for content in (many, tiff(IDS, 8)[:60]):
        dataset, sample = read(content)
        with pytest.raises(SampleError):
            check_sizes(dataset, sample)
    assert capfd.readouterr() == ("", "")

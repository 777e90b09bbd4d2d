import hashlib
import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reliseg.data.pictures import file as module
from reliseg.data.pictures.file import DEPTH, PictureFile
from reliseg.errors import SampleError


@pytest.fixture
def saved(tmp_path):
    """The path of a picture, made of an array."""

    def call(pixels=None) -> str:
        Image.fromarray(np.zeros((3, 5, 3), np.uint8) if pixels is None else pixels).save(tmp_path / "1.png")
        return str(tmp_path / "1.png")

    return call


def test_content_and_header(saved):
    path = saved()
    source, header = PictureFile("all/1", path).content()
    assert source.getvalue() == Path(path).read_bytes()
    assert (header.size, header.kind, header.bytes_per_pixel, header.weight) == ((3, 5), "PNG", 8, 15)
    assert hashlib.sha256(PictureFile("all/1", path).read()).digest() == hashlib.sha256(source.getvalue()).digest()


def test_what_is_decoded_lets_its_source_go(saved):
    source, header = (file := PictureFile("all/1", saved())).content()
    assert file.decode(source, header, lambda picture, stored: (picture.size, stored.raw, stored.colors)) == (
        (5, 3),
        "RGB",
        256,
    )
    assert source.closed


@pytest.mark.parametrize(
    ("encoding", "problem"),
    [(None, "the image is 16-bit"), ("color", "encoding color needs an 8-bit"), ("index", None), (DEPTH, None)],
)
def test_the_header_is_looked_at_as_what_the_file_is_for(encoding, problem, saved):
    file = PictureFile("all/1", saved(np.ones((2, 2), np.uint16)), encoding)
    if problem is None:
        assert file.content()[1].size == (2, 2)
    else:
        with pytest.raises(SampleError, match=f"^all/1: .*1.png: {problem}"):
            file.content()


def test_an_empty_file_and_what_is_no_file(tmp_path, saved):
    (tmp_path / "empty.png").touch()
    with pytest.raises(SampleError, match="the file is empty; copy it again"):
        PictureFile("all/1", str(tmp_path / "empty.png")).content()
    with pytest.raises(SampleError, match=r"cannot be read \(it is a folder, not a file\); check the file"):
        PictureFile("all/1", str(tmp_path)).content()
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(SampleError, match="it is a pipe, not a regular file"):
        PictureFile("all/1", str(tmp_path / "pipe.png")).read()


def test_a_file_of_more_bytes_than_its_pixels_can_take(saved, monkeypatch):
    monkeypatch.setattr(module, "_SMALL_FILE", 100)
    path = saved()
    Path(path).write_bytes(Path(path).read_bytes() + bytes(400))
    with pytest.raises(SampleError, match=r"it has 4\d\d bytes, too many for height 3, width 5; copy it again"):
        PictureFile("all/1", path).content()


def test_any_error_of_a_decoder_is_the_samples(saved):
    file = PictureFile("all/1", saved())
    source, header = file.content()
    with pytest.raises(SampleError, match=r"1.png: cannot be decoded \(no such thing\); copy or create"):
        file.decode(source, header, lambda *_: (_ for _ in ()).throw(ValueError("no such thing")))
    with pytest.raises(MemoryError):
        file.decode(io.BytesIO(file.read()), header, lambda *_: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(SampleError, match="not an image, or of an unknown format"):
        file.header(io.BytesIO(b"<html>"))


@pytest.fixture
def _no_headers(monkeypatch):
    monkeypatch.setattr(module, "_HEADERS", {})


@pytest.mark.usefixtures("_no_headers")
def test_equal_headers_are_looked_at_once(saved, monkeypatch):
    looked_at = []
    look = PictureFile._header
    monkeypatch.setattr(
        PictureFile, "_header", lambda self, source: looked_at.append(self.encoding) or look(self, source)
    )
    for value in range(3):
        for encoding in (None, "red"):
            path = saved(np.full((3, 5, 3), value, np.uint8))
            assert PictureFile("all/1", path, encoding).content()[1].size == (3, 5)
    assert looked_at == [None, "red"]
    for _ in range(2):
        with pytest.raises(SampleError, match="encoding red needs an 8-bit RGB mask"):
            PictureFile("all/1", saved(np.zeros((3, 5), np.uint8)), "red").content()
    assert looked_at == [None, "red", "red", "red"]


@pytest.mark.usefixtures("_no_headers")
def test_so_many_headers_are_kept(saved, monkeypatch):
    monkeypatch.setattr(module, "_MOST_HEADERS", 3)
    for width in range(1, 9):
        assert PictureFile("all/1", saved(np.zeros((2, width), np.uint8))).content()[1].size == (2, width)
        assert len(module._HEADERS) == (width - 1) % 3 + 1

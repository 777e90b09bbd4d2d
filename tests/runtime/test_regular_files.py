import hashlib
import os
import socket
import stat
import sys
from pathlib import Path

import pytest

from reliseg.runtime import regular_files
from reliseg.runtime.regular_files import (
    UnfitFileError,
    holds,
    open_regular,
    read_regular,
    regular_size,
    sha256_of_file,
    size_text,
)


def test_a_regular_file_is_read_whole(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert read_regular(tmp_path / "a", 5) == b"12345"
    assert regular_size(tmp_path / "a") == 5
    with open_regular(str(tmp_path / "a")) as file:
        assert file.read(2) == b"12"


def test_an_empty_file_is_empty(tmp_path):
    (tmp_path / "a").touch()
    assert read_regular(tmp_path / "a", 0) == b""


def test_a_link_to_a_regular_file_is_followed(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").symlink_to("a")
    assert read_regular(tmp_path / "b", 1) == b"1"


@pytest.mark.parametrize("read", [regular_size, open_regular, lambda path: read_regular(path, 10)])
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("folder", "it is a folder, not a file"),
        ("pipe", "it is a pipe, not a regular file"),
        ("socket", "it is a socket, not a regular file"),
        ("device", "it is a device, not a regular file"),
        ("link to a device", "it is a device, not a regular file"),
    ],
)
def test_what_is_no_regular_file_is_refused_without_waiting(kind, reason, read, tmp_path):
    path = tmp_path / "x"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    elif kind == "device":
        path = Path("/dev/zero")
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(UnfitFileError, match=reason) as caught:
        read(path)
    assert caught.value.strerror == reason
    assert caught.value.filename == str(path)


def test_a_kind_of_file_without_a_name_is_refused_too(tmp_path, monkeypatch):
    (tmp_path / "a").touch()
    monkeypatch.setattr(stat, "S_ISREG", lambda mode: False)
    with pytest.raises(UnfitFileError, match="it is no regular file"):
        regular_size(tmp_path / "a")


def test_a_file_over_the_limit_is_not_read(tmp_path):
    with (tmp_path / "a").open("wb") as file:
        file.truncate(1 << 40)
    for read in (read_regular, open_regular, regular_size):
        with pytest.raises(UnfitFileError, match=r"it has 1.1 TB, and the limit is 2.0 MB"):
            read(tmp_path / "a", 2_000_000)


def test_a_file_that_grows_or_shrinks_while_it_is_read_is_refused(tmp_path, monkeypatch):
    for after in (b"123456", b"12"):
        (tmp_path / "a").write_bytes(b"1234")
        status = (tmp_path / "a").stat()
        (tmp_path / "a").write_bytes(after)
        with monkeypatch.context() as patched:
            patched.setattr(regular_files.os, "fstat", lambda descriptor, status=status: status)
            with pytest.raises(UnfitFileError, match="its size changed while it was read"):
                read_regular(tmp_path / "a", 10)


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="no /proc")
def test_a_file_of_the_system_that_claims_to_be_empty_is_not_read():
    assert read_regular(Path("/proc/cpuinfo"), 1 << 20) == b""


@pytest.mark.skipif(sys.platform == "win32", reason="other names")
@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 300])
def test_a_name_that_no_file_can_have_is_an_os_error(name, tmp_path):
    with pytest.raises(OSError, match=r"name|surrogates"):
        read_regular(tmp_path / name, 1)


def test_a_loop_of_links_and_a_missing_file_are_the_systems_own_errors(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        read_regular(tmp_path / "a", 1)
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "c", 1)


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 bytes"), (999, "999 bytes"), (783_000, "783 kB"), (1500, "1.5 kB"), (10**16, "10000 TB")]
)
def test_sizes_as_text(size, text):
    assert size_text(size) == text


def test_a_file_holds_bytes_if_it_is_one_of_exactly_these(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    os.mkfifo(tmp_path / "pipe")
    assert holds(tmp_path / "a", b"abc")
    for name, content in (("a", b"abd"), ("a", b"ab"), ("a", b"abcd"), ("b", b""), ("pipe", b"abc"), (".", b"")):
        assert not holds(tmp_path / name, content)


def test_the_hash_is_that_of_the_content_and_of_regular_files_alone(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    assert sha256_of_file(tmp_path / "a") == hashlib.sha256(b"content").hexdigest()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnfitFileError, match="it is a pipe"):
        sha256_of_file(tmp_path / "pipe")

"""A file is there whole or not at all, and nothing else is left in its folder."""

import errno

import pytest

from reliseg.runtime.atomic_files import write_atomically, write_text


def test_the_file_and_its_folders_are_written(tmp_path):
    path = tmp_path / "a" / "b.bin"
    write_atomically(path, lambda file: file.write(b"\x00\xff"))
    assert path.read_bytes() == b"\x00\xff"
    assert list(path.parent.iterdir()) == [path]


def test_text_is_utf_8_and_lines_end_as_they_are_given(tmp_path):
    write_text(tmp_path / "a.csv", "é\r\nb\n")
    assert (tmp_path / "a.csv").read_bytes() == "é\r\nb\n".encode()


def test_a_writer_that_fails_leaves_the_file_of_before(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "before")

    def fail(file):
        file.write(b"half of it")
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space left"):
        write_atomically(path, fail)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_of_before_is_there_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "before")
    write_atomically(path, lambda file: file.write(path.read_bytes() + b", after"))
    assert path.read_text() == "before, after"


def test_an_error_names_the_file_that_could_not_be_written(tmp_path):
    def fill(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    def read(file):
        (tmp_path / "other").read_bytes()

    (tmp_path / "folder" / "a").mkdir(parents=True)
    cases = {fill: tmp_path / "a.txt", read: tmp_path / "other", (lambda file: file.write(b"a")): tmp_path / "folder"}
    for write, named in cases.items():
        with pytest.raises(OSError) as refused:  # noqa: PT011 - of three kinds
            write_atomically(tmp_path / "folder" if named.name == "folder" else tmp_path / "a.txt", write)
        assert refused.value.filename == str(named)

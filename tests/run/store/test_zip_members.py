"""Members are read whole, or refused; `test_piece_files` damages every byte of them."""

import io
import zipfile

import pytest

from reliseg.run.store.zip_members import UNREADABLE, check_end, read_member


def archive(**members: bytes) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as written:
        for name, content in members.items():
            written.writestr(name, content)
        written.comment = b"0" * 64
    return file


def test_a_member_is_read_up_to_a_size() -> None:
    file = archive(a=bytes(1000))
    check_end(file)
    with zipfile.ZipFile(file) as opened:
        assert read_member(file, opened.getinfo("a"), 1000) == bytes(1000)
        with pytest.raises(ValueError, match="a cannot be a member"):
            read_member(file, opened.getinfo("a"), 999)


def test_bytes_after_the_end_are_seen() -> None:
    file = archive(a=b"1")
    with pytest.raises(UNREADABLE):
        check_end(io.BytesIO(file.getvalue() + b"0"))
    with pytest.raises(UNREADABLE):
        check_end(io.BytesIO(b"0" + file.getvalue()))

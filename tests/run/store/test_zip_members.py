"""Members are read whole, or refused; `test_piece_files` damages every byte of them."""

import io
import zipfile
from collections.abc import Callable

import pytest

from reliseg.run.store.zip_members import UNREADABLE, check_end, read_member, stored_member


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


def test_a_stored_member_is_a_view_of_the_bytes_of_the_file() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        written.writestr("a", b"first")
        written.writestr("b", b"second")
    whole = file.getvalue()
    with zipfile.ZipFile(file) as opened:
        member = stored_member(memoryview(whole), opened.getinfo("b"), 6)
    assert bytes(member) == b"second"
    assert member.obj is whole


LIES: dict[str, Callable[[zipfile.ZipInfo], None]] = {
    "larger than it may be": lambda info: setattr(info, "file_size", 7),
    "larger than what is stored": lambda info: setattr(info, "compress_size", 5),
    "deflated": lambda info: setattr(info, "compress_type", zipfile.ZIP_DEFLATED),
    "with a password": lambda info: setattr(info, "flag_bits", 1),
    "elsewhere": lambda info: setattr(info, "header_offset", 1),
    "beyond the end": lambda info: setattr(info, "header_offset", 1 << 31),
}


def one_member() -> tuple[bytearray, zipfile.ZipInfo]:
    """A zip file with one stored member, and its entry."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        written.writestr("a", b"second")
    with zipfile.ZipFile(file) as opened:
        return bytearray(file.getvalue()), opened.getinfo("a")


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_member_that_is_not_stored_as_its_entry_says_is_refused(lie: Callable[[zipfile.ZipInfo], None]) -> None:
    whole, info = one_member()
    lie(info)
    with pytest.raises(UNREADABLE):
        stored_member(memoryview(whole), info, 6)


def test_a_stored_member_without_its_signature_is_refused() -> None:
    whole, info = one_member()
    whole[3] ^= 1
    with pytest.raises(ValueError, match="no member"):
        stored_member(memoryview(whole), info, 6)


def test_a_stored_member_that_is_cut_off_is_refused() -> None:
    whole, info = one_member()
    with pytest.raises(ValueError, match="cut off"):
        stored_member(memoryview(whole)[:33], info, 6)

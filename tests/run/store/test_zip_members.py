"""Members are read whole, or refused; `test_piece_files` damages every byte of them."""

import io
import zipfile

import pytest

from reliseg.run.store.zip_members import UNREADABLE, Member, read_directory, read_member, stored_member


def archive(**members: bytes) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as written:
        for name, content in members.items():
            written.writestr(name, content)
        written.comment = b"0" * 64
    return file


def member_of(info: zipfile.ZipInfo) -> Member:
    """The same of the library."""
    return Member(*(getattr(info, name) for name in Member._fields))


def test_the_directory_is_that_of_the_library() -> None:
    file = archive(a=bytes(1000), größe=b"12", none=b"")
    members, comment = read_directory(file)
    with zipfile.ZipFile(file) as opened:
        assert comment == opened.comment
        assert members == list(map(member_of, opened.infolist()))


def test_a_member_is_read_up_to_a_size() -> None:
    file = archive(a=bytes(1000))
    ((info,), _) = read_directory(file)
    assert read_member(file, info, 1000) == bytes(1000)
    with pytest.raises(ValueError, match="a cannot be a member"):
        read_member(file, info, 999)


def test_bytes_beside_what_was_written_are_seen() -> None:
    whole = archive(a=b"1").getvalue()
    directory = whole.index(b"PK\1\2")
    for at in (0, directory, len(whole) - 64 - 22, len(whole)):
        with pytest.raises(UNREADABLE):
            read_directory(io.BytesIO(whole[:at] + b"0" + whole[at:]))


@pytest.mark.parametrize("name", [28, 30, 32], ids=["name", "extra", "note"])
@pytest.mark.parametrize("longer", [1, 255, -1])
def test_an_entry_that_is_longer_or_shorter_than_the_directory_is_refused(name: int, longer: int) -> None:
    whole = bytearray(archive(a=b"1").getvalue())
    place = whole.index(b"PK\1\2") + name
    whole[place] = (whole[place] + longer) % 256
    with pytest.raises(UNREADABLE):
        read_directory(io.BytesIO(whole))


@pytest.mark.parametrize("entries", [0, 1, 3, 65535])
def test_another_number_of_entries_is_refused(entries: int) -> None:
    whole = bytearray(archive(a=b"1", b=b"2").getvalue())
    whole[-64 - 12 : -64 - 10] = entries.to_bytes(2, "little")
    with pytest.raises(UNREADABLE):
        read_directory(io.BytesIO(whole))


def test_a_stored_member_is_a_view_of_the_bytes_of_the_file() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        written.writestr("a", b"first")
        written.writestr("b", b"second")
    whole = file.getvalue()
    with zipfile.ZipFile(file) as opened:
        member = stored_member(memoryview(whole), member_of(opened.getinfo("b")), 6)
    assert bytes(member) == b"second"
    assert member.obj is whole


LIES: dict[str, dict[str, int]] = {
    "larger than it may be": {"file_size": 7, "compress_size": 7},
    "larger than what is stored": {"compress_size": 5},
    "deflated": {"compress_type": zipfile.ZIP_DEFLATED},
    "with a password": {"flag_bits": 1},
    "elsewhere": {"header_offset": 1},
    "beyond the end": {"header_offset": 1 << 31},
}


def one_member() -> tuple[bytearray, Member]:
    """A zip file with one stored member, and its entry."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        written.writestr("a", b"second")
    with zipfile.ZipFile(file) as opened:
        return bytearray(file.getvalue()), member_of(opened.getinfo("a"))


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_member_that_is_not_stored_as_its_entry_says_is_refused(lie: dict[str, int]) -> None:
    whole, info = one_member()
    with pytest.raises(UNREADABLE):
        stored_member(memoryview(whole), info._replace(**lie), 6)


def test_a_stored_member_without_its_signature_is_refused() -> None:
    whole, info = one_member()
    whole[3] ^= 1
    with pytest.raises(ValueError, match="no member"):
        stored_member(memoryview(whole), info, 6)


def test_a_stored_member_that_is_cut_off_is_refused() -> None:
    whole, info = one_member()
    with pytest.raises(ValueError, match="cut off"):
        stored_member(memoryview(whole)[:33], info, 6)

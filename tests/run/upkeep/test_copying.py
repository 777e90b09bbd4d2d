"""Copies: whole, or not there."""

from pathlib import Path

import pytest

from reliseg.run.upkeep.copying import DamagedError, copy_file


def test_a_copy_has_the_bytes_and_their_number_is_told(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b" / "c"
    source.write_bytes(b"123" * 1_000_000)
    assert copy_file(source, target, lambda copy: copy.read_bytes() == source.read_bytes()) == 3_000_000
    assert target.read_bytes() == source.read_bytes()


def test_a_copy_that_is_not_whole_takes_no_name_and_leaves_what_was_there(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"new")
    target.write_bytes(b"old")
    with pytest.raises(DamagedError):
        copy_file(source, target, lambda copy: False)
    assert target.read_bytes() == b"old"
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}


def test_a_source_that_is_gone_is_no_copy(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        copy_file(tmp_path / "a", tmp_path / "b", lambda copy: True)
    assert not list(tmp_path.iterdir())

"""A file of sealed texts: what is damaged is not believed, and what cannot be had is nothing."""

from pathlib import Path

import pytest

from reliseg.run.memory_file import MemoryFile, seal, unseal

KEY, OTHER = b"k" * 16, b"o" * 16


@pytest.mark.parametrize("text", ["", "a text", "of two\nlines", "\0 \ud800 \u20ac"])
def test_a_sealed_text_is_opened_with_its_key_alone(text: str) -> None:
    entry = seal(KEY, text)
    assert unseal(KEY, entry) == text
    assert unseal(OTHER, entry) is None


def test_no_damaged_entry_is_opened() -> None:
    entry = seal(KEY, "a text")
    for bit in range(8 * len(entry)):
        damaged = bytearray(entry)
        damaged[bit // 8] ^= 1 << bit % 8
        assert unseal(KEY, bytes(damaged)) is None
    for other in (entry[:-1], entry + b" ", b"", None, 5, "a text"):
        assert unseal(KEY, other) is None


def test_texts_are_found_in_their_table_by_all_who_open_the_file(tmp_path: Path) -> None:
    one = MemoryFile(tmp_path / "folder/file")
    assert one.write({"inputs": {KEY: "short"}, "texts": {KEY: "long", OTHER: "other"}})
    assert one.write({"texts": {OTHER: "newer"}})
    two = MemoryFile(tmp_path / "folder/file")
    assert two.rows("inputs") == {KEY: seal(KEY, "short")}
    assert [unseal(k, two.find("texts", k)) for k in (KEY, OTHER)] == ["long", "newer"]
    assert two.find("inputs", OTHER) is None
    one.close()
    two.close()
    assert unseal(KEY, two.find("inputs", KEY)) == "short"
    two.close()


def test_without_a_file_nothing_is_held(tmp_path: Path) -> None:
    for memory in (MemoryFile(None), MemoryFile(tmp_path)):
        assert not memory.write({"inputs": {KEY: "text"}})
        assert memory.rows("inputs") == {}
        assert memory.find("inputs", KEY) is None
        memory.close()

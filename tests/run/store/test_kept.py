"""What was computed before is found by its name, whole or not at all."""

import pytest

from reliseg.run.store.kept import KeptFiles

KEY = "ab" * 32
CONTENT = {"rows": [[1, 0.1, float("inf"), "Straße\n"]], "none": None}


@pytest.fixture
def kept(tmp_path):
    return KeptFiles(tmp_path / "measured")


def test_what_is_kept_is_read_again_and_has_one_file_of_its_name(kept):
    kept.write(KEY, CONTENT)

    assert kept.read(KEY) == b'{"rows":[[1,0.1,Infinity,"Stra\xc3\x9fe\\n"]],"none":null}'
    assert list(kept.asked) == [kept.folder / "ab" / f"{KEY}.json.gz"]
    assert kept.read("cd" * 32) is None


def test_equal_values_have_equal_bytes(kept, tmp_path):
    other = KeptFiles(tmp_path / "other")
    for files in (kept, other):
        files.write(KEY, CONTENT)
    (one,), (another,) = kept.asked, other.asked

    assert one.read_bytes() == another.read_bytes()


@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b[:40] + bytes([b[40] ^ 4]) + b[41:], lambda b: b""])
def test_a_damaged_file_is_not_there(kept, damage):
    kept.write(KEY, CONTENT)
    (path,) = kept.asked
    path.write_bytes(damage(path.read_bytes()))

    assert kept.read(KEY) is None

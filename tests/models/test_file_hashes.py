"""Which files count as a model's, and their hashes."""

import sys
from pathlib import Path

from reliseg.models.file_hashes import hash_files, own_files, recorded_files


def test_the_hash_of_each_file_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    (tmp_path / "empty").touch()
    assert hash_files([tmp_path / "empty", tmp_path / "abc"]) == {
        f"{tmp_path}/empty": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        f"{tmp_path}/abc": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    }


def test_files_that_are_opened_meanwhile_are_recorded(tmp_path: Path) -> None:
    for name in ("before", "read", "after", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "before").read_bytes()
    with recorded_files() as opened:
        (tmp_path / "read").read_bytes()
        (tmp_path / "read").read_text()
        (tmp_path / ".hidden").read_text()
        (tmp_path / "written").write_text("a")
        (tmp_path / "gone").touch()
        (tmp_path / "gone").read_text()
        (tmp_path / "gone").unlink()
        Path(sys.modules["json"].__file__ or "").read_text()
        Path("/proc/self/status").read_text()
    (tmp_path / "after").read_bytes()
    assert own_files(opened, tmp_path) == [tmp_path / "read"]
    assert own_files(opened, tmp_path / "model") == [tmp_path / "read"]

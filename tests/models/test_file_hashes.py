from pathlib import Path

from reliseg.models.file_hashes import hash_files


def test_the_hash_of_each_file_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    (tmp_path / "empty").touch()
    assert hash_files([tmp_path / "empty", tmp_path / "abc"]) == {
        f"{tmp_path}/empty": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        f"{tmp_path}/abc": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    }

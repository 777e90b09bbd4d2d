"""Runs that are read and not written: what a store holds of them is here, and nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import s3_server
from helpers.s3_server import Server

from reliseg.errors import StorageError
from reliseg.remote import Mirror
from reliseg.run.depot.sources import run_to_read
from reliseg.run.lock import lock_folder

PARTS = ("config.yaml", "statistics")


def files(folder: Path) -> set[str]:
    found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    return {name for name in found if not name.startswith(".")}


def test_a_folder_is_itself(tmp_path: Path) -> None:
    with run_to_read(tmp_path, PARTS) as folder:
        assert folder == tmp_path
    assert not list(tmp_path.iterdir())


def test_a_copy_holds_what_the_store_holds_and_is_not_fetched_again(s3: Server, bucket: str) -> None:
    s3_server.put(s3, bucket, {"a/config.yaml": b"seed: 1", "a/statistics/x/1": b"1", "a/results.csv": b"no part"})
    run = f"s3://{bucket}/a"
    with run_to_read(run, PARTS) as folder:
        assert files(folder) == {"config.yaml", "statistics/x/1"}
        (folder / "statistics" / "stranger").write_text("of nobody")
    s3.heal()
    with run_to_read(run, PARTS) as again:
        assert again == folder
        assert files(again) == {"config.yaml", "statistics/x/1"}
    assert s3.asked("GET", "/statistics/") == s3.asked("PUT") == s3.asked("DELETE") == 0


def test_what_goes_away_while_it_is_fetched_has_its_list_asked_for_again(
    s3: Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3_server.put(s3, bucket, {"a/config.yaml": b"", "a/statistics/1": b"1", "a/statistics/2": b"2"})
    fetch = Mirror.fetch

    def join_then_fetch(mirror: Mirror, name: str) -> Path:
        if name == "statistics/1":
            monkeypatch.setattr(Mirror, "fetch", fetch)
            other = Mirror(f"s3://{bucket}/a", mirror.folder.with_name("other"))
            (other.folder / "statistics").mkdir(parents=True)
            (other.folder / "statistics" / "both").write_text("12")
            other.put(other.folder / "statistics" / "both")
            other.remove("statistics/1")
        return fetch(mirror, name)

    monkeypatch.setattr(Mirror, "fetch", join_then_fetch)
    with run_to_read(f"s3://{bucket}/a", PARTS) as folder:
        assert files(folder) == {"config.yaml", "statistics/both", "statistics/2"}


def test_a_copy_stays_while_it_is_read_and_is_bounded_afterwards(
    s3: Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELISEG_CACHE_SIZE", "1")
    s3_server.put(s3, bucket, {f"{name}/statistics/1": b"1" * 10 for name in "ab"})
    with run_to_read(f"s3://{bucket}/a", PARTS) as first:
        with run_to_read(f"s3://{bucket}/b", PARTS) as second:
            assert files(first) == files(second) == {"statistics/1"}
        assert files(first) == {"statistics/1"}
        assert files(second) == set()
        with run_to_read(f"s3://{bucket}/a", PARTS):  # two may read it side by side
            pass
    assert files(first) == set()
    with lock_folder(first):
        pass


def test_a_store_that_cannot_be_had_is_one_line(s3: Server, bucket: str, machine: Callable[[str], None]) -> None:
    s3_server.put(s3, bucket, {"a/config.yaml": b""})
    s3.fail("500")
    refused = pytest.raises(StorageError, match="the store answers: Internal Server Error; run again later")
    with refused, run_to_read(f"s3://{bucket}/a", PARTS):
        pass

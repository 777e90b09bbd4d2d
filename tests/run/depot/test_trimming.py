"""Copies of runs are bounded together; what was used last stays, and what another process works in."""

import os
from pathlib import Path

import pytest

from reliseg.run.depot.trimming import trim
from reliseg.run.lock import lock_folder


def copy(runs: Path, name: str, when: int) -> Path:
    path = runs / name / "statistics" / "aa" / "place" / "piece.zip"
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes(1000))
    (runs / name / "results.csv").write_bytes(bytes(5000))
    os.utime(path, (when, when))
    return path


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [copy(tmp_path, name, when) for when, name in enumerate("abcd", start=1)]
    monkeypatch.setenv("RELISEG_CACHE_SIZE", "4000")
    trim(tmp_path)
    assert all(file.exists() for file in files)
    monkeypatch.setenv("RELISEG_CACHE_SIZE", "2400")
    with lock_folder(tmp_path / "b", shared=True):
        trim(tmp_path)
    assert [file.exists() for file in files] == [False, True, False, True]
    assert (tmp_path / "a" / "results.csv").exists()

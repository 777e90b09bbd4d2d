"""Files are hashed again where they may have changed, and in one run they have one hash."""

import os
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.plans import dataset_of
from PIL import Image

from reliseg.data import DataSet, load
from reliseg.run import hashes as module
from reliseg.run.hashes import ChangedError, InputHashes, sample_files


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read for their hash, in order."""
    read: list[Path] = []
    digest = module.hashlib.file_digest

    def file_digest(file, name):
        read.append(Path(file.name))
        return digest(file, name)

    monkeypatch.setattr(module.hashlib, "file_digest", file_digest)
    return read


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files were changed long ago."""
    now = time.time_ns
    monkeypatch.setattr(module.time, "time_ns", lambda: now() + 10**10)


def write(path: Path, content: bytes, like: os.stat_result | None = None) -> Path:
    path.write_bytes(content)
    if like:
        os.utime(path, ns=(like.st_atime_ns, like.st_mtime_ns))
    return path


def of(store: Path | None, *files: Path, verify: bool = False) -> str:
    """The hash that a run takes."""
    known = InputHashes(store, verify)
    try:
        return known.of_files(files)
    finally:
        known.close()


@pytest.mark.usefixtures("settled")
def test_a_file_that_did_not_change_is_not_read_again_unless_all_are_verified(
    tmp_path: Path, reads: list[Path]
) -> None:
    file, store = write(tmp_path / "a", b"1"), tmp_path / "run/inputs"
    digest = of(store, file)
    assert len(reads) == 1
    assert of(store, file) == digest
    assert len(reads) == 1
    assert of(store, file, verify=True) == digest
    assert len(reads) == 2
    assert of(None, file) == digest
    assert len(reads) == 3


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("how", ["in place", "by another file"])
def test_a_change_is_seen_whatever_the_time_of_modification_and_the_size(tmp_path: Path, how: str) -> None:
    file, store = write(tmp_path / "a", b"1"), tmp_path / "inputs"
    before, times = of(store, file), file.stat()
    if how == "in place":
        write(file, b"2", times)
    else:
        write(tmp_path / "b", b"2", times).replace(file)
    assert file.stat().st_mtime_ns == times.st_mtime_ns
    assert of(store, file) != before
    write(file, b"1")
    assert of(store, file) == before


def test_what_was_changed_just_before_it_was_hashed_is_hashed_again(tmp_path: Path, reads: list[Path]) -> None:
    file, store = write(tmp_path / "a", b"1"), tmp_path / "inputs"
    of(store, file)
    of(store, file)
    assert len(reads) == 2


def test_other_bytes_in_one_run_are_an_error_and_a_new_run_takes_them(tmp_path: Path) -> None:
    file, store = write(tmp_path / "a", b"1"), tmp_path / "inputs"
    known = InputHashes(store)
    before = known.of_files([file])
    write(file, b"2")
    with pytest.raises(ChangedError, match=r"changed while the run went on.*run again"):
        known.of_files([file])
    write(file, b"1")
    assert known.of_files([file]) == before
    write(file, b"2")
    known.close()
    assert of(store, file) not in ("", before)


def test_the_order_and_the_number_of_files_count(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a", b"1"), write(tmp_path / "b", b"2")
    assert len({of(None, a), of(None, b), of(None, a, b), of(None, b, a), of(None)}) == 5
    with pytest.raises(OSError, match="No such file"):
        of(None, tmp_path / "c")


def damages() -> dict[str, Callable[[Path], object]]:
    def change(path: Path) -> None:
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE inputs SET value = ?", ("0" * 64,))

    def retype(path: Path) -> None:
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE inputs SET state = 5, taken = 'x', run = NULL")

    def other_table(path: Path) -> None:
        path.unlink()
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE inputs (a TEXT)")

    def folder(path: Path) -> None:
        path.unlink()
        path.mkdir()

    return {
        "another hash": change,
        "other types": retype,
        "another table": other_table,
        "a folder": folder,
        "no database": lambda path: path.write_bytes(b"no database" * 999),
        "empty": lambda path: path.write_bytes(b""),
        "cut off": lambda path: path.write_bytes(path.read_bytes()[:5000]),
    }


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("damage", damages())
def test_a_damaged_store_costs_time_and_nothing_else(tmp_path: Path, damage: str) -> None:
    file, store = write(tmp_path / "a", b"1"), tmp_path / "inputs"
    digest = of(store, file)
    damages()[damage](store)
    assert of(store, file) == digest
    assert of(store, file) == digest


def world(root: Path) -> DataSet:
    dataset = dataset_of({"day": ["s/1"], "bare": ["s/2"]}, root=root)
    bare = replace(dataset.domains["bare"], samples=(replace(dataset.domains["bare"].samples[0], mask=None),))
    for domain in dataset.domains.values():
        for sample in domain.samples:
            for i, name in enumerate((sample.image, sample.mask)):
                assert name is not None
                (root / name).parent.mkdir(exist_ok=True)
                Image.fromarray(np.full((2, 3), i, np.uint8)).save(root / name)
    return replace(dataset, domains={**dataset.domains, "bare": bare})


@pytest.mark.parametrize("domain", ["day", "bare"])
def test_a_sample_has_the_hash_that_decoding_gives(tmp_path: Path, domain: str) -> None:
    dataset = world(tmp_path)
    (sample,) = dataset.domains[domain].samples
    loaded = load(dataset, sample)
    known = InputHashes()
    assert known.of_sample(dataset, sample) == loaded.sha256
    known.add_sample(dataset, loaded, known.state(sample_files(dataset, sample)), time.time_ns())
    with pytest.raises(ChangedError, match=r"1\.png or .*1_mask\.png" if domain == "day" else r"2\.png changed"):
        known.add_sample(dataset, replace(loaded, sha256="0" * 64), "", time.time_ns())


def test_threads_share_it(tmp_path: Path) -> None:
    files = [write(tmp_path / str(i), bytes([i])) for i in range(40)]
    known = InputHashes(tmp_path / "inputs")
    with ThreadPoolExecutor(8) as pool:
        digests = list(pool.map(lambda f: known.of_files([f]), files * 3))
    known.close()
    assert digests[:40] == digests[40:80] == digests[80:]
    assert len(set(digests)) == 40

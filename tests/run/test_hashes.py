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

from reliseg.data import DataSet, Sample, load
from reliseg.errors import ReliSegError
from reliseg.run import hashes as module
from reliseg.run import memory_file
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
    path.parent.mkdir(exist_ok=True)
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
            ((entry,),) = connection.execute("SELECT entry FROM inputs").fetchall()
            connection.execute("UPDATE inputs SET entry = ?", (entry[:-64] + b"0" * 64,))

    def retype(path: Path) -> None:
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE inputs SET entry = 5")

    def swap(path: Path) -> None:
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE inputs SET key = ?", (b"0" * 16,))

    def locked_in(path: Path) -> None:
        path.with_name(f"{path.name}-journal").write_bytes(b"no journal")

    def other_table(path: Path) -> None:
        path.unlink()
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE inputs (a TEXT)")

    def folder(path: Path) -> None:
        path.unlink()
        path.mkdir()

    def rewrite(path: Path) -> None:
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE texts SET entry = CAST(replace(CAST(entry AS TEXT), 'tt', 'xx') AS BLOB)")

    return {
        "another text": rewrite,
        "another hash": change,
        "other types": retype,
        "another key": swap,
        "a journal": locked_in,
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


@pytest.mark.usefixtures("settled")
def test_a_finished_run_that_is_asked_again_writes_nothing_and_reads_no_file(tmp_path: Path, reads: list[Path]) -> None:
    dataset, store = world(tmp_path), tmp_path / "inputs"
    samples = [s for d in dataset.domains.values() for s in d.samples]

    def digests() -> list[str]:
        known = InputHashes(store)
        found = [known.of_sample(dataset, s) for s in samples]
        for sample, sha256 in zip(samples, found, strict=True):  # decoding tells the same again
            loaded = load(dataset, sample)
            state = known.state_of_sample(dataset, sample)
            assert state == known.state(sample_files(dataset, sample))
            known.add_sample(dataset, loaded, state, time.time_ns())
            assert loaded.sha256 == sha256
        known.close()
        return found

    first, written, read = digests(), store.stat(), len(reads)
    assert digests() == first
    assert store.stat() == written
    assert len(reads) == read


@pytest.mark.usefixtures("settled")
def test_samples_that_are_asked_together_have_the_hashes_of_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads, sample_sha256 = list[Sample](), module.sample_sha256

    def read(dataset: DataSet, sample: Sample) -> tuple[str, ...]:
        reads.append(sample)
        return sample_sha256(dataset, sample)

    monkeypatch.setattr(module, "sample_sha256", read)
    dataset, store = world(tmp_path), tmp_path / "inputs"
    samples = [s for d in dataset.domains.values() for s in d.samples]
    alone = [InputHashes().of_sample(dataset, s) for s in samples]

    def together(*, verify: bool = False) -> list[str]:
        known = InputHashes(store, verify)
        try:
            found = known.of_samples(dataset, samples)
            assert [known.of_sample(dataset, s) for s in samples] == found
            assert all(known.of_image(dataset, s) for s in samples)
            return found
        finally:
            known.close()

    assert together() == alone
    reads.clear()
    assert together() == alone
    assert not reads
    assert together(verify=True) == alone
    assert reads == samples
    write(tmp_path / samples[1].image, b"other bytes", (tmp_path / samples[1].image).stat())
    changed = together()
    assert (changed[0], changed[1] != alone[1]) == (alone[0], True)
    (tmp_path / samples[1].image).unlink()
    with pytest.raises(ReliSegError):
        together()


def test_files_that_were_changed_just_before_are_read_again_also_where_they_are_asked_together(
    tmp_path: Path, reads: list[Path]
) -> None:
    files = [write(tmp_path / name, name.encode()) for name in "ab"]
    for _ in range(2):
        known = InputHashes(tmp_path / "inputs")
        known.of_each([[f] for f in files])
        known.close()
    assert reads == files * 2


@pytest.mark.usefixtures("settled")
def test_files_that_are_asked_together_have_one_hash_in_one_run(tmp_path: Path) -> None:
    files, store = [write(tmp_path / name, name.encode()) for name in "ab"], tmp_path / "inputs"
    known = InputHashes(store)
    assert known.of_each([[f] for f in files]) == [known.of_files([f]) for f in files]
    known.flush()
    write(files[1], b"c")
    meanwhile = InputHashes(store)
    meanwhile.of_each([[f] for f in files])
    meanwhile.close()
    with pytest.raises(ChangedError):
        known.of_each([[f] for f in files])
    known.close()


def test_a_sample_and_its_image_as_the_file_of_a_prediction_are_two_things(tmp_path: Path) -> None:
    dataset = world(tmp_path)
    (sample,) = dataset.domains["bare"].samples
    known = InputHashes(tmp_path / "inputs")
    assert known.of_sample(dataset, sample) == load(dataset, sample).sha256
    assert known.of_files(sample_files(dataset, sample)) != known.of_sample(dataset, sample)


class Made:
    """Texts that are made of files, and how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> str:
        self.times += 1
        return f"text {self.times}\nof two lines, \ud800"


def recall(store: Path | None, made: Callable[[], str], *files: Path, verify: bool = False, about: str = "") -> str:
    """The text that a run recalls."""
    known = InputHashes(store, verify)
    try:
        return known.recall("text", files, made, about)
    finally:
        known.close()


@pytest.mark.usefixtures("settled")
def test_what_was_made_of_files_is_recalled_while_they_are_what_they_were(tmp_path: Path) -> None:
    file, store, made = write(tmp_path / "data/a", b"1"), tmp_path / "inputs", Made()
    text = recall(store, made, file)
    assert recall(store, made, file) == text
    assert made.times == 1
    assert recall(store, made, file, about="else") != text
    assert InputHashes(store).recall("another kind", [file], made) != text
    assert recall(store, made, file, file) != text
    assert recall(store, made, file) == text
    write(file, b"2")
    assert recall(store, made, file) == f"text {made.times}\nof two lines, \ud800" != text
    assert made.times == 5


@pytest.mark.usefixtures("settled")
def test_where_everything_is_verified_only_what_this_run_made_is_recalled(tmp_path: Path) -> None:
    file, store, made = write(tmp_path / "data/a", b"1"), tmp_path / "inputs", Made()
    recall(store, made, file)
    known = InputHashes(store, verify=True)
    for _ in range(3):
        known.recall("text", [file], made)
        known.flush()
    assert made.times == 2


@pytest.mark.usefixtures("settled")
def test_a_file_that_comes_beside_is_seen_where_the_folder_is_named(tmp_path: Path) -> None:
    file, store, made = write(tmp_path / "data/a", b"1"), tmp_path / "inputs", Made()
    for _ in range(2):
        recall(store, made, file)
        recall(store, made, file, file.parent)
    assert made.times == 2
    write(tmp_path / "data/b", b"")
    recall(store, made, file)
    assert made.times == 2
    recall(store, made, file, file.parent)
    assert made.times == 3


def test_what_cannot_be_made_or_is_made_of_files_that_are_new_or_gone_is_not_kept(tmp_path: Path) -> None:
    file, store, made = write(tmp_path / "data/a", b"1"), tmp_path / "inputs", Made()
    for files in ([file], [tmp_path / "gone"], [Path("a\0b")], []):
        recall(store, made, *files)
        recall(store, made, *files)
    assert made.times == 8

    def broken() -> str:
        raise ReliSegError("broken")

    for _ in range(2):
        with pytest.raises(ReliSegError, match="broken"):
            recall(store, broken, file)
    assert recall(store, made, file).startswith("text 9")


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("damage", damages())
def test_a_damaged_text_is_made_again(tmp_path: Path, damage: str) -> None:
    file, store, made = write(tmp_path / "data/a", b"1"), tmp_path / "inputs", lambda: "t" * 9000
    recall(store, made, file)
    of(store, file)
    damages()[damage](store)
    assert recall(store, made, file) == "t" * 9000
    assert recall(store, made, file) == "t" * 9000


@pytest.mark.usefixtures("settled")
def test_two_runs_on_one_file_may_forget_and_never_err(tmp_path: Path) -> None:
    files = [write(tmp_path / f"data/{i}", bytes([i])) for i in range(60)]
    store = tmp_path / "inputs"
    right = [of(None, file) for file in files]

    def work(_: int) -> list[str]:
        found = []
        for file in files:
            known = InputHashes(store)
            found.append(known.of_files([file]))
            assert known.recall("text", [file], lambda file=file: file.name) == file.name  # type: ignore[misc]
            known.close()
        return found

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == [right] * 4


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("trouble", ["locked", "full"])
def test_a_file_that_cannot_be_written_now_stays_and_is_written_later(
    tmp_path: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    a, b, store, made = write(tmp_path / "data/a", b"1"), write(tmp_path / "data/b", b"2"), tmp_path / "inputs", Made()
    digests = [of(store, a), of(None, b)]
    monkeypatch.setattr(memory_file, "_PATIENCE_SECONDS", 0.01)
    other = sqlite3.connect(store)
    if trouble == "locked":
        other.execute("BEGIN EXCLUSIVE")
    else:
        connect = memory_file._connect

        def full(file: Path) -> sqlite3.Connection:
            connection = connect(file)
            connection.execute("PRAGMA max_page_count = 1")
            return connection

        monkeypatch.setattr(memory_file, "_connect", full)
    known = InputHashes(store)
    for _ in range(2):
        assert [known.of_files([a]), known.of_files([b])] == digests
        assert known.recall("text", [b], made if trouble == "locked" else lambda: "t" * 10**5)
        known.flush()
    other.rollback()
    other.close()
    if trouble == "full":
        monkeypatch.setattr(memory_file, "_connect", connect)
    known.close()
    read = len(reads)
    assert [of(store, a), of(store, b)] == digests
    assert len(reads) == read

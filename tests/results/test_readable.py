"""The files of a run for readers: by its folder, its table or its address, and never those of other results."""

import os
import pickle
from pathlib import Path

import pytest
from helpers import s3_server
from helpers.result_rows import lefts_of, result_row, write_run
from helpers.s3_server import Server
from helpers.simulated_run import write_simulated_run

from reliseg.errors import ConfigError, DataError, StorageError
from reliseg.results import ImageTable, Results
from reliseg.results.curves import Curves
from reliseg.results.names import CURVES_FILE
from reliseg.results.readable import Source, readable_run
from reliseg.results.replicates import Replicates

FILES = ("results.json", "curves.json", "images.csv")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_simulated_run(tmp_path_factory.mktemp("readable") / "run")


@pytest.fixture
def stored(s3: Server, run: Path, tmp_path: Path) -> str:
    """The address of a run in a bucket, beside files that nobody reads."""
    bucket = f"b{abs(hash(tmp_path))}"
    files = {f"runs/a/{name}": (run / name).read_bytes() for name in FILES}
    files |= {f"runs/a/replicates/{i:02x}/x.npz": b"replicates" for i in range(3)}
    s3_server.put(s3, bucket, files | {"runs/a/statistics/ab/x/y.zip": b"much", "runs/a/manifest.json": b"{}"})
    s3.heal()
    return f"s3://{bucket}/runs/a"


def test_a_run_is_read_by_its_folder_or_its_table(run: Path) -> None:
    assert readable_run(run) == readable_run(str(run / "results.json"), CURVES_FILE) == run
    assert readable_run("none") == Path("none")


def test_only_what_is_asked_for_is_fetched_and_only_once(s3: Server, stored: str) -> None:
    folder = readable_run(stored)
    assert [p.name for p in folder.iterdir()] == ["results.json"]
    assert readable_run(f"{stored}/results.json", "images.csv", "replicates") == folder
    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} == {
        *("results.json", "images.csv"),
        *(f"replicates/{i:02x}/x.npz" for i in range(3)),
    }
    s3.heal()
    readable_run(stored, "images.csv", "replicates")
    assert s3.asked("GET", "list-type") == 1
    assert s3.asked("GET", "npz|csv|json") == s3.asked("PUT", "") == s3.asked("DELETE", "") == 0


def test_every_reader_takes_an_address(stored: str, run: Path) -> None:
    results = Results.read(stored)
    assert results == Results.read(run)
    assert ImageTable.read(stored).records() == ImageTable.read(run).records() == results.images.records()
    assert Curves.read(stored).records() == Curves.read(run).records() == Curves.read(f"{stored}/curves.json").records()
    assert results.source is not None
    assert results.source.run == stored


def test_numbers_without_single_images_are_fetched_one_file_at_a_time(s3: Server, tmp_path: Path) -> None:
    one, other = result_row(0.5), result_row(0.5, model="other")
    run = write_run(tmp_path / "run", (one, lefts_of([1, 2, 3])), (other, lefts_of([2, 3, 4])))
    bucket = f"b{abs(hash(tmp_path))}"
    files = {f"run/{p.relative_to(run).as_posix()}": p.read_bytes() for p in run.rglob("*") if p.is_file()}
    s3_server.put(s3, bucket, files)
    stored = Results.read(f"s3://{bucket}/run").replicates()
    s3.heal()
    for _ in range(2):
        found, expected = stored.of(one), Replicates(run).of(one)
        assert found is not None
        assert expected is not None
        assert (found.units, found.values[0].tolist()) == (expected.units, expected.values[0].tolist())
    assert stored.of(result_row(0.5, model="none")) is None
    assert s3.asked("GET") == s3.asked("GET", "npz") == 1


def test_what_is_in_the_store_no_more_is_not_read_from_the_copy(s3: Server, stored: str) -> None:
    assert (readable_run(stored, "images.csv") / "images.csv").exists()
    bucket = stored.split("/")[2]
    s3_server.empty(s3, bucket)
    s3_server.put(s3, bucket, {"runs/a/results.json": b"{}"})
    assert not (readable_run(stored, "images.csv") / "images.csv").exists()
    assert set(s3_server.stored(s3, bucket)) == {"runs/a/results.json"}


def test_copies_that_were_not_read_for_longest_make_room(
    s3: Server, stored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = stored.split("/")[2]
    for name in ("b", "c"):
        s3_server.put(s3, bucket, {f"runs/{name}/results.json": b"x" * 1000})
    first, second = readable_run(f"s3://{bucket}/runs/b"), readable_run(f"s3://{bucket}/runs/c")
    os.utime(second, (1, 1))
    monkeypatch.setenv("RELISEG_CACHE_SIZE", "2 KB")
    s3_server.put(s3, bucket, {"runs/d/results.json": b"x" * 1000})
    last = readable_run(f"s3://{bucket}/runs/d")
    assert (first.exists(), second.exists(), last.exists()) == (True, False, True)
    monkeypatch.setenv("RELISEG_CACHE_SIZE", "0")
    assert readable_run(f"s3://{bucket}/runs/d") == last
    assert (first.exists(), (last / "results.json").exists()) == (False, True)


@pytest.mark.parametrize(
    ("address", "kind", "said"),
    [
        ("{}x", DataError, r"^s3://.*/runs/ax/results\.json: no such file; give the address of a finished run$"),
        ("s3://no-such-bucket/a", ConfigError, "there is no bucket no-such-bucket"),
        ("s3:/bucket/a", ConfigError, "an address has two slashes; write s3://bucket/a as a text"),
        ("https://host/run", ConfigError, "a web server does not list the files of a run; download them"),
        ("ftp://host/run", ConfigError, "begins with none of s3://"),
    ],
)
def test_what_is_no_run_is_refused_with_the_next_step(stored: str, address: str, kind: type, said: str) -> None:
    with pytest.raises(kind, match=said):
        Results.read(address.format(stored))


def test_a_store_that_does_not_answer_is_named(s3: Server, stored: str) -> None:
    s3.fail("500")
    with pytest.raises(StorageError, match=rf"^{stored}"):
        Results.read(stored)


def test_other_parts_are_read_only_as_long_as_the_results_are_the_same(tmp_path: Path) -> None:
    run = write_simulated_run(tmp_path / "run")
    results = Results.read(run)
    assert results.folder(CURVES_FILE) == run
    assert pickle.loads(pickle.dumps(results)).folder() == run
    write_simulated_run(run, seed=1)
    with pytest.raises(DataError, match=r"run has other results by now; read it again with reliseg\.Results\.read"):
        results.images  # noqa: B018
    (run / "results.json").unlink()
    with pytest.raises(DataError, match=r"its results\.json cannot be read any more \(no such file or directory\)"):
        results.folder()


def test_rows_of_no_run_have_no_other_parts(run: Path) -> None:
    with pytest.raises(DataError, match="these results come from no run; read those of one with reliseg"):
        Results(Results.read(run).rows).folder()


def test_a_source_is_an_absolute_path_or_an_address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert Source.of("runs/a", b"").run == str(tmp_path / "runs" / "a")
    assert Source.of("s3://bucket/a", b"").run == "s3://bucket/a"

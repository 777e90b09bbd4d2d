"""Runs in object storage: the bytes of a run in a folder, from any machine, whatever goes wrong on the way."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import s3_server
from helpers.forked import Forks
from helpers.runs import run_of
from helpers.s3_server import Fault, Server
from helpers.street import Street

import reliseg
from reliseg.errors import ConfigError, StorageError
from reliseg.plan.parts import Part, Stage
from reliseg.report.page import RunFiles
from reliseg.run.depot.open import folder_of_copy, open_depot
from reliseg.run.execute import Run
from reliseg.run.predict.stream import PredictionStream
from reliseg.run.stages import PartOfRun, conclude

pytestmark = pytest.mark.slow  # each of its tests makes runs


def run_in(street: Street, out: str, **options: object) -> Run:
    folder, depot = open_depot(out)
    return run_of(street.config, folder, depot=depot, **options)


def do(street: Street, out: str, stage: Stage, part: Part | None = None) -> None:
    PartOfRun(run_in(street, out), stage, part or Part()).execute()


def results(s3: Server, bucket: str, name: str = "runs/a") -> bytes:
    return s3_server.content_of(s3, bucket, f"{name}/results.csv")


@pytest.fixture
def no_predictions(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """What forbids predictions from now on."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something is predicted")

    return lambda: monkeypatch.setattr(PredictionStream, "predictions_of_groups", refuse)


def test_a_run_in_a_store_gives_the_bytes_of_one_in_a_folder(
    street: Street, whole: bytes, s3: Server, bucket: str
) -> None:
    table = reliseg.run_config(street.config, f"s3://{bucket}/runs/a")
    assert results(s3, bucket) == whole
    assert table.to_csv().encode() == whole
    local = {p.relative_to(street.root / "whole").as_posix() for p in (street.root / "whole").rglob("*") if p.is_file()}
    names = {name.removeprefix("runs/a/") for name in s3_server.names(s3, bucket)}
    of_machine = {".lock", *(n for n in local if n.startswith(("inputs.sqlite", "status/")))}
    assert {n for n in names if not n.startswith("status/")} == local - of_machine


def test_what_is_asked_again_from_another_machine_predicts_nothing(
    street: Street,
    whole: bytes,
    s3: Server,
    bucket: str,
    machine: Callable[[str], None],
    no_predictions: Callable[[], None],
) -> None:
    out = f"s3://{bucket}/runs/a"
    reliseg.run_config(street.config, out)
    no_predictions()
    for name in ("cache", "other"):
        machine(name)
        s3.heal()
        assert reliseg.run_config(street.config, out).to_csv().encode() == whole
        assert s3.asked("PUT", "(statistics|fitted)/") == 0
        assert s3.asked("GET", "list-type") == 1
    assert s3.asked("GET", r"\.zip") == len([n for n in s3_server.names(s3, bucket) if n.endswith(".zip")])


def test_pictures_are_put_into_the_store_and_not_made_again_on_another_machine(
    street: Street, s3: Server, bucket: str, machine: Callable[[str], None], no_predictions: Callable[[], None]
) -> None:
    out = f"s3://{bucket}/runs/a"
    reliseg.run_config(street.config, out, pictures=1)
    there = {name for name in s3_server.names(s3, bucket) if "/pictures/" in name}
    no_predictions()
    machine("other")
    reliseg.run_config(street.config, out, pictures=1)
    run = RunFiles.read(out)
    assert run.pictures is not None
    named = {n for p in run.pictures.pictures for n in (p.scene, *p.confidences.values())}
    assert there == {f"runs/a/pictures/{name}" for name in (*named, "index.json")}
    assert all(run.picture(name).exists() for name in named)


def test_parts_on_two_machines_are_measured_on_a_third(
    street: Street, whole: bytes, s3: Server, bucket: str, machine: Callable[[str], None]
) -> None:
    out = f"s3://{bucket}/runs/a"
    for stage, number in (("sample", 2), ("fit", 1), ("evaluate", 2)):
        for k in range(1, number + 1):
            machine(f"machine-{k}")
            do(street, out, stage, Part(k, number))  # type: ignore[arg-type]
    machine("third")
    conclude(run_in(street, out))
    assert results(s3, bucket) == whole
    assert not [name for name in s3_server.names(s3, bucket) if "/samples/" in name]


def test_a_stage_that_is_missing_is_named_on_another_machine(
    street: Street, bucket: str, machine: Callable[[str], None]
) -> None:
    out = f"s3://{bucket}/runs/a"
    do(street, out, "sample", Part(1, 2))
    machine("other")
    with pytest.raises(ConfigError, match=r"shards? of street/cal (is|are) not sampled; run --stage sample first"):
        do(street, out, "fit")
    with pytest.raises(ConfigError, match=rf"s3://{bucket}/none holds no run"):
        conclude(run_in(street, f"s3://{bucket}/none"))


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("fault", ["500", "503", "hang", "drop"])
def test_what_goes_wrong_once_or_twice_is_survived(
    fault: Fault, times: int, street: Street, whole: bytes, s3: Server, bucket: str, machine: Callable[[str], None]
) -> None:
    out = f"s3://{bucket}/runs/a"
    s3.fail(fault, times, method="PUT", path=r"\.zip")
    s3.fail(fault, times, method="GET", path="list-type")
    reliseg.run_config(street.config, out)
    s3.heal()
    machine("other")
    s3.fail(fault, times, path=r"\.zip")
    assert reliseg.run_config(street.config, out).to_csv().encode() == whole
    assert results(s3, bucket) == whole


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("fault", ["short", "slow"])
def test_files_that_come_in_part_or_slowly_are_read(
    fault: Fault, times: int, street: Street, whole: bytes, s3: Server, finished: str, machine: Callable[[str], None]
) -> None:
    machine("other")
    s3.fail(fault, times, path=r"\.zip")
    assert reliseg.run_config(street.config, finished).to_csv().encode() == whole


@pytest.mark.parametrize("fault", ["500", "503", "hang", "drop"])
def test_a_store_that_takes_nothing_ends_a_run_that_the_same_command_continues(
    fault: Fault, street: Street, whole: bytes, s3: Server, bucket: str, no_predictions: Callable[[], None]
) -> None:
    out = f"s3://{bucket}/runs/a"
    s3.fail(fault, method="PUT", path="results")
    with pytest.raises(StorageError, match=r"results\.json: .+; what is finished is kept in .+ same command continues"):
        reliseg.run_config(street.config, out)
    s3.heal()
    no_predictions()
    reliseg.run_config(street.config, out)
    assert results(s3, bucket) == whole


@pytest.mark.parametrize("fault", ["500", "hang", "drop", "short"])
def test_a_store_that_gives_nothing_ends_a_run_with_a_line(
    fault: Fault, street: Street, s3: Server, finished: str, machine: Callable[[str], None]
) -> None:
    machine("other")
    s3.fail(fault, path=r"\.zip")
    with pytest.raises(StorageError, match=rf"^{finished}/statistics/.+\.zip: .+ same command continues$"):
        reliseg.run_config(street.config, finished)


def test_a_piece_that_could_not_be_put_is_put_by_the_next_run(
    street: Street, whole: bytes, s3: Server, bucket: str, machine: Callable[[str], None]
) -> None:
    out = f"s3://{bucket}/runs/a"
    s3.fail("500", method="PUT", path=r"\.zip")
    with pytest.raises(StorageError):
        reliseg.run_config(street.config, out)
    s3.heal()
    reliseg.run_config(street.config, out)
    machine("other")
    conclude(run_in(street, out))
    assert results(s3, bucket) == whole


_KILLED = """
import os, sys
from pathlib import Path
import reliseg
from reliseg.plan import shards
from reliseg.remote.mirror import Mirror
shards.SHARD_SIZE = 4
put, n = Mirror.put, 0
def stop(self, path):
    global n
    n += 1
    if n == {at}:
        os._exit(9)
    put(self, path)
    if n == {at} + 1:
        os._exit(9)
Mirror.put = stop
reliseg.run_config(sys.argv[1], sys.argv[2], workers=1)
"""


@pytest.mark.parametrize("at", [5, 14, 25])
def test_a_run_that_is_killed_goes_on_here_and_elsewhere(
    at: int, street: Street, whole: bytes, s3: Server, bucket: str, machine: Callable[[str], None], forks: Forks
) -> None:
    out = f"s3://{bucket}/runs/a"
    code = _KILLED.format(at=at)
    assert forks.run([street.config, out], code).exit_code == 9
    machine("other")
    reliseg.run_config(street.config, out)
    assert results(s3, bucket) == whole
    machine("cache")
    reliseg.run_config(street.config, out)
    assert results(s3, bucket) == whole


def test_two_whole_runs_side_by_side_are_harmless(
    street: Street, whole: bytes, s3: Server, bucket: str, machine: Callable[[str], None]
) -> None:
    out = f"s3://{bucket}/runs/a"
    machine("one")
    one = run_in(street, out)
    one.check_options()  # it has listed an empty place
    machine("two")
    run_in(street, out).execute()
    one.execute()
    assert results(s3, bucket) == whole


def test_the_copy_may_be_lost(street: Street, whole: bytes, s3: Server, bucket: str) -> None:
    out = f"s3://{bucket}/runs/a"
    reliseg.run_config(street.config, out)
    shutil.rmtree(folder_of_copy(out) / "statistics")
    (folder_of_copy(out) / "results.csv").write_text("other")
    reliseg.run_config(street.config, out)
    assert results(s3, bucket) == whole


def test_files_that_are_no_run_are_not_written_among(street: Street, s3: Server, bucket: str) -> None:
    s3_server.put(s3, bucket, {"data/image.png": b"1"})
    with pytest.raises(ConfigError, match=rf"^s3://{bucket}/data is not empty and holds no run; give another --out$"):
        reliseg.run_config(street.config, f"s3://{bucket}/data")
    with pytest.raises(ConfigError, match="no bucket"):
        reliseg.run_config(street.config, "s3://there-is-none/run")


def test_exported_files_are_in_the_store_alone(street: Street, s3: Server, bucket: str) -> None:
    out = f"s3://{bucket}/runs/a"
    run_in(street, out, save=("prediction", "logits")).execute()
    names = [name for name in s3_server.names(s3, bucket) if "/saved/" in name]
    assert {Path(name).suffix for name in names} == {".png", ".npz"}
    assert not [path for path in (folder_of_copy(out) / "saved").rglob("*") if path.is_file()]


def test_the_status_of_a_run_is_read_elsewhere(
    finished: str, machine: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    from reliseg.cli import app

    out = finished
    machine("other")
    app(["status", out, "--json"], standalone_mode=False)
    told = json.loads(capsys.readouterr().out)
    assert told["run"] == out
    assert [process["state"] for process in told["processes"]] == ["done"]
    app(["results", out], standalone_mode=False)
    assert f"{out}/results.csv" in capsys.readouterr().err

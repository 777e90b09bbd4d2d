"""Runs in object storage, merged and pruned: as those in folders, and others on other machines see it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import s3_server
from helpers.runs import run_of
from helpers.s3_server import Server
from helpers.stores import add_piece, files_of
from helpers.street import Street

import reliseg
from reliseg.errors import ConfigError, StorageError
from reliseg.plan import shards
from reliseg.plan.parts import Part, Stage
from reliseg.run.depot.open import open_depot
from reliseg.run.execute import Run
from reliseg.run.folder import RunFolder
from reliseg.run.predict.stream import PredictionStream
from reliseg.run.stages import PartOfRun, conclude
from reliseg.run.upkeep.merge import Merge, Merged
from reliseg.run.upkeep.prune import Prune, Pruned

pytestmark = pytest.mark.slow  # each of its tests makes runs
STORED = ("statistics", "fitted", "configurations", "models")


def run_in(street: Street, out: str | Path) -> Run:
    folder, depot = open_depot(out)
    return run_of(street.config, folder, depot=depot)


def prune(run: str, *keep: Path, dry_run: bool = False) -> Pruned:
    folder, depot = open_depot(run)
    return Prune(RunFolder(folder), keep, dry_run, depot=depot).execute()


def stored(s3: Server, bucket: str, name: str) -> dict[str, bytes]:
    """What a run in the store holds, by its name from the run on, but for what processes tell."""
    found = s3_server.stored(s3, bucket).items()
    names = {key.removeprefix(f"{name}/"): content for key, content in found if key.startswith(f"{name}/")}
    return {key: content for key, content in names.items() if not key.startswith("status/")}


def names_in(run: Path) -> set[str]:
    return {name for name in files_of(run) if name.partition("/")[0] in STORED}


@pytest.fixture(scope="module")
def parts(street: Street, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two folders, in which half of all has been evaluated each, under the same calibrations."""
    first, other = (tmp_path_factory.mktemp("parts") / name for name in ("a", "b"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(shards, "SHARD_SIZE", 4)  # as in all tests of this folder
        stages: tuple[Stage, ...] = ("sample", "fit")
        for stage in stages:
            PartOfRun(run_in(street, first), stage, Part()).execute()
        Merge([first], other).execute()
        for number, out in enumerate((first, other), 1):
            PartOfRun(run_in(street, out), "evaluate", Part(number, 2)).execute()
    return [first, other]


@pytest.fixture
def put(s3: Server, bucket: str) -> Callable[..., list[str]]:
    """What puts folders of runs into the bucket, and returns their addresses."""

    def act(*runs: Path) -> list[str]:
        for run in runs:
            s3_server.put(s3, bucket, {f"{run.name}/{name}": content for name, content in files_of(run).items()})
        s3.heal()
        return [f"s3://{bucket}/{run.name}" for run in runs]

    return act


@pytest.fixture
def no_predictions(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something is predicted")

    monkeypatch.setattr(PredictionStream, "predictions_of_groups", refuse)


@pytest.mark.usefixtures("no_predictions")
def test_runs_in_a_store_are_merged_into_a_folder_or_the_store_and_give_the_bytes_of_one_run(
    street: Street, whole: bytes, parts: list[Path], put: Callable[..., list[str]], s3: Server, bucket: str,
    machine: Callable[[str], None], tmp_path: Path,
) -> None:  # fmt: skip
    a, b = put(*parts)
    before = s3_server.stored(s3, bucket)
    here = tmp_path / "here"
    Merge([a, b], here).execute()
    assert s3_server.stored(s3, bucket) == before
    assert conclude(run_in(street, here)).to_csv().encode() == whole
    s3.heal()
    Merge([a, parts[1]], f"s3://{bucket}/all").execute()
    assert s3.asked("GET", r"/a/.*\.zip") == 0  # the copy is there
    machine("other")
    assert conclude(run_in(street, f"s3://{bucket}/all")).to_csv().encode() == whole
    mine = {name for name in stored(s3, bucket, "all") if name.partition("/")[0] in STORED}
    assert mine == names_in(here)


def test_what_was_merged_is_not_put_again_and_an_interrupted_merge_goes_on(
    parts: list[Path], put: Callable[..., list[str]], s3: Server, bucket: str
) -> None:
    a, b = put(*parts)
    s3.fail("500", method="PUT", path="/a/statistics/")
    with pytest.raises(StorageError, match="the same command continues"):
        Merge([b, a], a).execute()
    s3.heal()
    first = Merge([b, a], a).execute()
    assert first.pieces + first.there == len([n for n in files_of(parts[1]) if n.endswith(".zip")])
    assert {n for n in stored(s3, bucket, "a") if n.endswith(".zip")} == {
        n for run in parts for n in files_of(run) if n.endswith(".zip")
    }
    s3.heal()
    again: Merged = Merge([b], a).execute()
    assert (again.pieces, again.there) == (0, first.pieces + first.there)
    assert s3.asked("PUT") == 0


def test_what_does_not_belong_together_is_named_by_address_and_nothing_is_put(
    put: Callable[..., list[str]], s3: Server, bucket: str, tmp_path: Path
) -> None:
    add_piece(tmp_path / "a", ["s/1"])
    add_piece(tmp_path / "b", ["s/2"], parts={"model": "other weights"})
    a, b = put(tmp_path / "a", tmp_path / "b")
    with pytest.raises(ConfigError, match=f"net: the model differs between {a} and {b}; "):
        Merge([a, b], f"s3://{bucket}/out").execute()
    with pytest.raises(ConfigError, match=f"net: the model differs between {a} and {b}; "):
        Merge([b], a).execute()
    for run in ("s3://" + bucket + "/none", f"s3://{bucket}/out"):
        with pytest.raises(ConfigError, match=f"{run} holds no run; give the folder of a run"):
            Merge([run], f"s3://{bucket}/out").execute()
    s3_server.put(s3, bucket, {"mine/file.txt": b"mine"})
    with pytest.raises(ConfigError, match=f"s3://{bucket}/mine is not empty and holds no run"):
        Merge([a], f"s3://{bucket}/mine").execute()
    assert s3.asked("PUT", "/(out|a|b)/") == s3.asked("DELETE") == 0


def test_pruning_removes_from_the_store_what_no_kept_configuration_asks_for(
    street: Street, whole: bytes, put: Callable[..., list[str]], s3: Server, bucket: str,
    machine: Callable[[str], None], tmp_path: Path,
) -> None:  # fmt: skip
    one = Path(shutil.copytree(street.root / "whole", tmp_path / "run"))
    kept = files_of(one)
    other = street.root / "other.yaml"
    other.write_text(street.config.read_text() + "\nseed: 7\n")
    reliseg.run_config(other, one)
    reliseg.run_config(street.config, one)
    both = files_of(one)
    (run,) = put(one)
    said = prune(run, street.config, dry_run=True)
    assert s3.asked("DELETE") == 0
    machine("other")
    pruned = prune(run, street.config)
    assert pruned == said
    gone = both.keys() - stored(s3, bucket, "run").keys() - {".lock"}
    gone = {name for name in gone if not name.startswith(("status/", "inputs.sqlite"))}
    assert pruned.removed == len(gone) > 0
    assert pruned.removed_size == sum(len(both[name]) for name in gone)
    assert gone == {n for n in both if n.partition("/")[0] in (*STORED[:3], "measured")} - kept.keys()
    machine("third")
    assert conclude(run_in(street, run)).to_csv().encode() == whole
    with pytest.raises(ConfigError, match=f"s3://{bucket}/none holds no run"):
        prune(f"s3://{bucket}/none", street.config)

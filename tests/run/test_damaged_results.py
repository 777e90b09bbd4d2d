"""Damaged files in the folder of a finished run: the next run gives the same bytes, or says in one line why not."""

import io
import json
import os
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import pytest
from helpers.street import make_street

from reliseg import cli

pytestmark = pytest.mark.slow  # each of its tests makes runs

TABLES = ("results.csv", "reliability.csv", "fits.csv", "curves.json", "images.csv")
Damage = Callable[[Path, Random], None]


@dataclass(frozen=True)
class Runs:
    """A configuration, its finished run, and one of the same images with another model."""

    config: Path
    finished: Path
    other: Path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("runs")
    street = make_street(folder / "street", cal=3, day=2, dusk=2)
    content = street.content()
    content["calibration"][0]["methods"] = ["identity", "ts", "vector"]
    content["scores"] = ["msp", "margin"]
    street.write(content)
    assert command(street.config, folder / "out") == 0
    other = make_street(folder / "other", cal=3, day=2, dusk=2)
    for path in other.root.rglob("*.npz"):
        np.savez(path, logits=np.load(path)["logits"] * np.float32(1.5))
    other.write(content | {key: other.content()[key] for key in ("models", "datasets")})
    assert command(other.config, folder / "strangers") == 0
    return Runs(street.config, folder / "out", folder / "strangers")


def command(config: Path, out: Path) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["reliseg", "run", str(config), "--out", str(out)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    return int(ended.value.code or 0)


def flip(path: Path, random: Random) -> None:
    data = bytearray(path.read_bytes())
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    path.write_bytes(bytes(data))


def flip_in_the_directory(path: Path, random: Random) -> None:
    data = bytearray(path.read_bytes())
    data[random.randrange(max(data.rfind(b"PK\1\2"), 0), len(data))] ^= 1 << random.randrange(8)
    path.write_bytes(bytes(data))


def cut(path: Path, random: Random) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: random.randrange(len(data))])


def lengthen(path: Path, random: Random) -> None:
    path.write_bytes(path.read_bytes() + random.randbytes(random.randrange(1, 99)))


def empty(path: Path, _: Random) -> None:
    path.write_bytes(b"")


def folder_in_its_place(path: Path, _: Random) -> None:
    path.unlink()
    path.mkdir()


def pipe_in_its_place(path: Path, _: Random) -> None:
    path.unlink()
    os.mkfifo(path)


def latin_1(path: Path, _: Random) -> None:
    path.write_bytes(path.read_bytes()[:-1] + "ü".encode("latin-1"))


ANY_FILE: dict[str, Damage] = {
    f.__name__: f for f in (flip, cut, lengthen, empty, folder_in_its_place, pipe_in_its_place, latin_1)
}
FILES = {
    "shard": "statistics/??/*/*.zip",
    "record": "fitted/*/*.json",
    "copy of a record": "calibrations/net/*.json",
    "model": "models/*.json",
    "answer": "configurations/*",
    "thresholds": "calibrations/net/*.thresholds",
    "configuration": "config.yaml",
    "manifest": "manifest.json",
    "results": "results.*",
    "hashes": "inputs.sqlite",
}


@pytest.fixture
def run_again(runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., None]]:
    """Damage a copy of the finished run, and run again."""

    def attempt(damage: Callable[[Path], None], what: object) -> None:
        out = tmp_path / "out"
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(runs.finished, out)
        damage(out)
        capsys.readouterr()
        code = command(runs.config, out)
        said = capsys.readouterr().err
        assert code in (0, 1, 2), what
        assert "unexpected" not in said, (what, said)
        assert "Traceback" not in said, (what, said)
        if code:
            assert said.strip().count("\n") <= 40, (what, said)
        else:
            for table in TABLES:
                assert (out / table).read_bytes() == (runs.finished / table).read_bytes(), (what, table)

    return attempt


slow = pytest.mark.slow


@pytest.mark.parametrize("kind", [pytest.param(k, marks=() if k == "shard" else slow) for k in FILES])
@pytest.mark.parametrize("damage", [pytest.param(d, marks=() if d == "flip" else slow) for d in ANY_FILE])
def test_a_damaged_file_gives_equal_results_or_one_line(kind: str, damage: str, run_again: Callable[..., None]) -> None:
    for seed in range(2 if damage == "flip" else 1):
        random = Random(f"{kind} {damage} {seed}")

        def harm(out: Path, random: Random = random) -> None:
            ANY_FILE[damage](random.choice(sorted(out.glob(FILES[kind]))), random)

        run_again(harm, (kind, damage, seed))


@slow
def test_flips_in_the_directory_of_a_shard_give_equal_results(run_again: Callable[..., None]) -> None:
    for seed in range(8):

        def harm(out: Path, seed: int = seed) -> None:
            random = Random(seed)
            flip_in_the_directory(random.choice(sorted(out.glob(FILES["shard"]))), random)

        run_again(harm, seed)


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path: Path, content: dict[str, bytes], comment: bytes = b"") -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
        archive.comment = comment
    path.write_bytes(buffer.getvalue())


@slow
@pytest.mark.parametrize(
    "change", ["removed", "renamed", "of another run", "of another shard", "swapped", "all but the head", "the head"]
)
def test_members_of_shards_with_valid_checksums_give_equal_results(
    change: str, runs: Runs, run_again: Callable[..., None]
) -> None:
    def recombine(out: Path) -> None:
        random = Random(change)
        path = sorted(out.glob(FILES["shard"]))[0]
        with zipfile.ZipFile(path) as archive:
            comment = archive.comment
        mine = members(path)
        strangers = members(sorted(runs.other.glob(FILES["shard"]))[0])
        neighbours = members(sorted(out.glob(FILES["shard"]))[-1])
        name, second = random.sample(
            [n for n in mine if n != "head.json" and n in strangers and mine[n] != strangers[n]], 2
        )
        write(
            path,
            {
                "removed": {n: d for n, d in mine.items() if n != name},
                "renamed": {n.replace(name, f"{name}s"): d for n, d in mine.items()},
                "of another run": mine | {name: strangers[name]},
                "of another shard": mine | {name: neighbours[name]},
                "swapped": mine | {name: mine[second], second: mine[name]},
                "all but the head": strangers | {"head.json": mine["head.json"]},
                "the head": mine | {"head.json": strangers["head.json"]},
            }[change],
            comment,
        )

    run_again(recombine, change)


@slow
@pytest.mark.parametrize("kind", ["shard", "record", "copy of a record", "thresholds", "model", "answer"])
def test_whole_files_of_another_run_or_of_each_other_give_equal_results(
    kind: str, runs: Runs, run_again: Callable[..., None]
) -> None:
    def replace(out: Path) -> None:
        path = sorted(out.glob(FILES[kind]))[0]
        shutil.copy(sorted(runs.other.glob(FILES[kind]))[0], path)

    def swap(out: Path) -> None:
        first, *_, last = sorted(out.glob(FILES[kind]))
        one, other = first.read_bytes(), last.read_bytes()
        first.write_bytes(other)
        last.write_bytes(one)

    run_again(replace, "of another run")
    if kind != "model":  # there is one
        run_again(swap, "of each other")


@slow
def test_a_digit_of_a_parameter_is_seen(runs: Runs, run_again: Callable[..., None]) -> None:
    def change(out: Path) -> None:
        path = next(out.glob("fitted/*/ts@*.json"))
        content = json.loads(path.read_text())
        content["parameters"]["temperature"] *= 1.01
        path.write_text(json.dumps(content, indent=1))

    run_again(change, "a digit")

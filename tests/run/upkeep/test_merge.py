"""Merging: nothing is lost, nothing is mixed that does not belong together, and results are those of one run."""

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from helpers.runs import run_of
from helpers.stores import add_piece, files_of
from helpers.street import Street, make_street

import reliseg
from reliseg.calibration import calibrator
from reliseg.calibration.records.record import write_record
from reliseg.calibration.records.seal import seal_of
from reliseg.errors import ConfigError, IncompleteError
from reliseg.plan.parts import Part, Stage
from reliseg.run.folder import RunFolder, hold_run_folder
from reliseg.run.hashes import InputHashes
from reliseg.run.stages import PartOfRun, conclude
from reliseg.run.store.piece_files import FORMAT
from reliseg.run.store.store import Store
from reliseg.run.upkeep.copying import copy_file
from reliseg.run.upkeep.merge import Merge

pytestmark = pytest.mark.slow  # each of its tests makes runs


class Notes:
    """Progress that keeps what is noted."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def begin(self, title: str, total: int, stage: object = None) -> None: ...

    def advance(self, count: int = 1) -> None: ...

    def end_shard(self, failed: int = 0) -> None: ...

    def note(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Two folders to put pieces into, and one that is not there."""
    return tmp_path / "a", tmp_path / "b", tmp_path / "out"


def refusal(*runs: Path, out: Path, strict: bool = False) -> str:
    """What merging says that is refused and writes nothing."""
    before = {run: files_of(run) for run in runs}
    with pytest.raises(ConfigError) as refused:
        Merge(runs, out, strict).execute()
    assert not out.exists() or out in runs
    assert {run: files_of(run) for run in runs} == before
    (line,) = refused.value.lines
    return line


def test_all_pieces_of_all_runs_come_together_once(runs):
    a, b, out = runs
    add_piece(a, ["s/1"])
    add_piece(a, ["s/2"])
    add_piece(b, ["s/2"])
    add_piece(b, ["s/3"], model="other", parts={"model": "x"})
    notes = Notes()
    merged = Merge([a, b], out, progress=notes).execute()
    assert (merged.pieces, merged.there) == (3, 1)
    assert files_of(out).keys() == files_of(a).keys() | files_of(b).keys()
    assert all(content in (files_of(a).get(name), files_of(b).get(name)) for name, content in files_of(out).items())
    (line,) = notes.lines
    assert line.endswith(f"go on with reliseg run {out}/config.yaml --out {out} --stage measure")


def test_merging_again_copies_nothing_and_changes_nothing(runs):
    a, b, out = runs
    add_piece(a, ["s/1"])
    add_piece(b, ["s/2"])
    Merge([a, b], out).execute()
    before = files_of(out)
    merged = Merge([a, b], out).execute()
    assert (merged.pieces, merged.there) == (0, 2)
    assert files_of(out) == before


@pytest.mark.parametrize("after", range(4))
def test_a_merge_that_was_interrupted_goes_on(runs, monkeypatch, after):
    a, b, out = runs
    for i in range(3):
        add_piece(a, [f"s/{i}"])
    add_piece(b, ["s/9"])
    copied: list[Path] = []

    def copy(source: Path, *rest: object) -> int:
        if len(copied) == after:
            raise KeyboardInterrupt
        copied.append(source)
        return copy_file(source, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr("reliseg.run.upkeep.merge.copy_file", copy)
        with pytest.raises(KeyboardInterrupt):
            Merge([a, b], out).execute()
    merged = Merge([a, b], out).execute()
    assert (merged.pieces, merged.there) == (4 - after, after)
    assert files_of(out).keys() == files_of(a).keys() | files_of(b).keys()


def test_a_run_may_be_merged_into_one_of_the_runs(runs):
    a, b, _ = runs
    add_piece(a, ["s/1"])
    add_piece(b, ["s/2"])
    (b / "config.yaml").write_text("seed: 1\n")
    assert Merge([a, b], b).execute().pieces == 1
    assert (b / "config.yaml").read_text() == "seed: 1\n"


def test_the_configuration_is_that_of_the_first_run(runs):
    a, b, out = runs
    add_piece(a, ["s/1"])
    add_piece(b, ["s/2"])
    (b / "config.yaml").write_text("seed: 1\n")
    Merge([b, a], out).execute()
    assert (out / "config.yaml").read_text() == "seed: 1\n"


def test_a_folder_that_is_no_run_is_named(runs, tmp_path):
    a, b, out = runs
    add_piece(a)
    b.mkdir()
    assert refusal(a, b, out=out) == f"{b} holds no run; give the folder of a run"
    assert refusal(b, out=b) == f"{b} holds no run; give the folder of a run"
    (out).mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="is not empty and holds no run"):
        Merge([a], out).execute()


@pytest.mark.parametrize("part", ["model", "batch"])
def test_another_model_under_one_name_is_refused_by_what_differs(runs, part):
    a, b, out = runs
    add_piece(a, ["s/1"])
    add_piece(b, ["s/2"], domain="street/dusk", parts={part: "another"})
    assert refusal(a, b, out=out).startswith(f"net: the {part} differs between {a} and {b}; ")


@pytest.mark.parametrize("part", ["label map", "projection", "augmentation", "size of the images"])
def test_another_reading_of_a_domain_is_refused_by_what_differs(runs, part):
    a, b, out = runs
    add_piece(a, ["s/1"], parts={part: "before"})
    add_piece(b, ["s/2"], parts={part: "after"})
    line = refusal(a, b, out=out)
    assert line.startswith(f"net on street/day: the {part} differs between {a} and {b}; ")
    add_piece(b, ["s/3"], parts={part: "before"})  # a run that has grown holds both
    Merge([a, b], out).execute()


def test_other_names_may_be_of_anything(runs):
    a, b, out = runs
    add_piece(a, ["s/1"])
    add_piece(b, ["s/1"], model="other", parts={"model": "other"}, hashes={})
    add_piece(b, ["s/1"], domain="street/dusk", parts={"label map": "other"}, hashes={"s/1": "1" * 64})
    Merge([a, b], out).execute()


def test_a_sample_with_other_bytes_is_named(runs):
    a, b, out = runs
    add_piece(a, ["s/1", "s/2"])
    add_piece(b, ["s/2", "s/3"], model="other", parts={"model": "x"}, hashes={"s/2": "1" * 64})
    line = refusal(a, b, out=out)
    assert line.startswith(f"street/day: the image or the mask of s/2 has other bytes in {a} than in {b}; ")
    add_piece(a, ["s/2"], hashes={"s/2": "1" * 64})
    Merge([a, b], out).execute()


def test_a_stored_prediction_with_other_bytes_is_named(runs):
    a, b, out = runs
    add_piece(a, ["s/1"], predictions={"s/1": "0" * 64})
    add_piece(b, ["s/1"], predictions={"s/1": "1" * 64})
    line = refusal(a, b, out=out)
    assert line.startswith(f"net on street/day: the stored prediction of s/1 has other bytes in {a} than in {b}; ")


def test_out_belongs_to_what_is_compared(runs):
    a, b, _ = runs
    add_piece(a, ["s/1"])
    add_piece(b, ["s/2"], parts={"model": "another"})
    before = files_of(b)
    with pytest.raises(ConfigError, match="net: the model differs"):
        Merge([a], b).execute()
    assert files_of(b) == before


def test_other_processors_are_said_and_with_strict_refused(runs):
    a, b, out = runs
    add_piece(a, ["s/1"])
    add_piece(b, ["s/2"], processor="arm64")
    line = refusal(a, b, out=out, strict=True)
    assert line.startswith(f"made on processors of different types: a x86_64 ({a}), a arm64 ({b}); ")
    assert line.endswith("merge runs of one type, or leave out --strict")
    notes = Notes()
    Merge([a, b], out, progress=notes).execute()
    assert notes.lines[0].startswith(f"made on processors of different types: a x86_64 ({a}), a arm64 ({b}); ")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [truncate, flip, lambda path: path.write_bytes(b"")])
def test_a_damaged_piece_is_named_and_left_out(runs, damage: Callable[[Path], None]):
    a, b, out = runs
    _, path = add_piece(a, ["s/1"])
    add_piece(b, ["s/2"])
    damage(path)
    with pytest.raises(IncompleteError) as ended:
        Merge([a, b], out).execute()
    assert ended.value.lines == (f"{path} is damaged and left out; the next run computes it again",)
    assert files_of(out).keys() == files_of(b).keys()
    assert not [name for name in files_of(out) if name.endswith(".tmp")]


def test_a_whole_piece_takes_the_place_of_a_damaged_one(runs):
    a, b, out = runs
    _, path = add_piece(a, ["s/1"])
    add_piece(b, ["s/1"])
    shutil.copytree(a, out)
    truncate(out / path.relative_to(a))
    assert Merge([b], out).execute().pieces == 1
    assert files_of(out) == files_of(a)


def test_a_piece_that_was_renamed_is_left_out(runs):
    a, _, out = runs
    _, path = add_piece(a, ["s/1"])
    path.rename(path.with_name(f"{'0' * 32}.zip"))
    with pytest.raises(IncompleteError, match="is damaged and left out"):
        Merge([a], out).execute()


def test_statistics_of_another_format_are_refused(runs, monkeypatch):
    a, b, out = runs
    add_piece(a, ["s/1"])
    with monkeypatch.context() as patched:
        patched.setattr("reliseg.run.store.piece_files.FORMAT", FORMAT + 1)
        add_piece(b, ["s/2"])
    said = f"{b}: its statistics are of format {FORMAT + 1}, and this version has {FORMAT}; "
    assert refusal(a, b, out=out).startswith(said)
    shutil.rmtree(b)
    add_piece(b, ["s/2"])
    older = b / "statistics" / "net" / "street" / "day" / "s" / "0123.zip"
    older.parent.mkdir(parents=True)
    older.write_bytes(b"")
    assert refusal(a, b, out=out).startswith(f"{b}: {older} is of an earlier version; ")


def test_a_run_that_others_write_into_is_read(runs):
    a, b, out = runs
    add_piece(a, ["s/1"])
    add_piece(b, ["s/2"])
    with hold_run_folder(RunFolder(a)), hold_run_folder(RunFolder(b), shared=True):
        Merge([a, b], out).execute()
    with hold_run_folder(RunFolder(out)), pytest.raises(ConfigError, match="is writing there"):
        Merge([a, b], out).execute()


def test_pieces_that_are_joined_meanwhile_are_not_lost(runs, monkeypatch):
    a, _, out = runs
    place, path = add_piece(a, ["s/1"])
    copy = Merge.__dict__["_compare"]

    def compare_then_join(self: Merge, stores: object) -> None:
        copy(self, stores)
        joined = add_piece(a, ["s/1", "s/2"])[1]
        joined.rename(path.with_name(joined.name))
        path.unlink()

    monkeypatch.setattr(Merge, "_compare", compare_then_join)
    Merge([a], out).execute()
    (found,) = Store(RunFolder(out).statistics, InputHashes()).pieces(place)[0]
    assert found.samples == {"s/1", "s/2"}


def test_why_samples_failed_is_kept(runs):
    a, b, out = runs
    place, _ = add_piece(a, ["s/1"])
    add_piece(b, ["s/1"])
    stores = [Store(RunFolder(run).statistics, InputHashes()) for run in (a, b, out)]
    stores[0].note_failures(place, {"s/2": "broken"})
    stores[1].note_failures(place, {"s/2": "empty", "s/3": "gone"})
    Merge([a, b], out).execute()
    assert stores[2].failures(place) == {"s/2": "broken", "s/3": "gone"}


# What runs have computed


@pytest.fixture
def street(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Street:
    """A street whose domains have several shards."""
    monkeypatch.setattr("reliseg.plan.shards.SHARD_SIZE", 4)
    return make_street(tmp_path / "street", cal=9, day=21, dusk=17)


@pytest.fixture
def small(tmp_path: Path) -> Street:
    return make_street(tmp_path / "street", cal=3, day=3, dusk=3)


def in_parts(street: Street, folders: list[Path], stage: Stage, number: int, seed: int) -> None:
    """Do a stage in so many parts, in any order, in any of these folders."""
    order = random.Random(seed)
    parts = list(range(1, number + 1))
    order.shuffle(parts)
    for part in parts:
        PartOfRun(run_of(street.config, order.choice(folders)), stage, Part(part, number)).execute()


@pytest.mark.parametrize("number", [8, pytest.param(40)])
def test_parts_in_any_order_in_five_folders_give_the_bytes_of_one_run(street, tmp_path, number):
    fresh = run_of(street.config, tmp_path / "fresh")
    fresh.execute()
    sampled = [tmp_path / f"sampled{i}" for i in range(5)]
    in_parts(street, sampled, "sample", number, seed=1)
    fitted = tmp_path / "fitted"
    there = [folder for folder in sampled if folder.exists()]
    assert Merge(there, fitted).execute().next_stage == "fit"
    in_parts(street, [fitted], "fit", 2, seed=2)
    evaluated = [tmp_path / f"evaluated{i}" for i in range(5)]
    for folder in evaluated:
        assert Merge([fitted], folder).execute().next_stage == "evaluate"
    in_parts(street, evaluated, "evaluate", number, seed=3)
    out = tmp_path / "out"
    assert Merge(evaluated, out).execute().next_stage == "measure"
    conclude(run_of(street.config, out))
    for name in ("results.csv", "results.json", "fits.csv", "reliability.csv", "curves.json", "images.csv"):
        assert (out / name).read_bytes() == (tmp_path / "fresh" / name).read_bytes()


def test_a_calibration_with_other_parameters_is_refused_and_named(small, tmp_path):
    a, b, out = (tmp_path / name for name in "abc")
    run_of(small.config, a).execute()
    shutil.copytree(a, b)
    (path,) = b.glob("fitted/*/ts@street-cal.json")
    record = reliseg.load_calibration(path)
    other = calibrator("ts").restore({"temperature": 3.0})
    write_record(path.parent, replace(record, calibration=other))
    line = refusal(a, b, out=out)
    assert line.startswith("net: ts@street/cal (fitted/")
    assert f"has other parameters in {a} than in {b}; " in line


def test_a_damaged_calibration_is_named_and_left_out(small, tmp_path):
    a, out = tmp_path / "a", tmp_path / "out"
    run_of(small.config, a).execute()
    (path,) = a.glob("fitted/*/ts@street-cal.json")
    path.write_text(path.read_text().replace('"pixels": ', '"pixels": 1'))
    with pytest.raises(IncompleteError, match=str(path)):
        Merge([a], out).execute()
    assert not list(out.glob("fitted/*/*.json"))
    assert list(out.glob("statistics/*/*/*.zip"))


def test_samples_whose_files_changed_are_left_out(street, tmp_path):
    a, out = tmp_path / "a", tmp_path / "out"
    PartOfRun(run_of(street.config, a), "sample", Part()).execute()
    logits = sorted(a.rglob("*.logits.npy"))
    records = [path.with_name(path.name.replace(".logits.npy", ".json")) for path in logits]
    flip(logits[0])
    records[1].write_text(records[1].read_text().replace("s0", "s1", 1))
    with pytest.raises(IncompleteError) as ended:
        Merge([a], out).execute()
    assert [line.partition(" ")[0] for line in ended.value.lines] == [str(logits[0]), str(records[1])]
    assert sorted(p.name for p in (out / "samples").rglob("*.json")) == sorted(p.name for p in records[2:])


def test_samples_of_several_seeds_come_side_by_side(street, tmp_path):
    a, b, out = (tmp_path / name for name in ("a", "b", "out"))
    PartOfRun(run_of(street.config, a), "sample", Part()).execute()
    street.write(street.content() | {"seed": 5})
    PartOfRun(run_of(street.config, b), "sample", Part()).execute()
    Merge([a, b], out).execute()
    own, other, after = ({n: c for n, c in files_of(run).items() if n.startswith("samples")} for run in (a, b, out))
    assert not own.keys() & other.keys()
    assert after == own | other


def test_samples_never_lead_out_of_the_folder(street, tmp_path):
    a, out = tmp_path / "a", tmp_path / "out"
    PartOfRun(run_of(street.config, a), "sample", Part()).execute()
    path = next(iter(sorted((a / "samples").rglob("*.json"))))
    content = json.loads(path.read_text())["record"]
    content["files"] = {"../../../../../../victim.npy": "0" * 64}
    path.write_text(json.dumps({"record": content, "sha256": seal_of(content)}))
    with pytest.raises(IncompleteError, match="is damaged and left out; sample it again"):
        Merge([a], out).execute()
    assert not list(tmp_path.rglob("victim.npy"))


def test_configurations_and_what_is_known_of_models_come_too(small, tmp_path):
    a, b, out = (tmp_path / name for name in "abc")
    run_of(small.config, a).execute()
    content = small.content()
    small.write(content | {"seed": 1})
    run_of(small.config, b).execute()
    Merge([a, b], out).execute()
    for name in ("configurations", "models"):
        there = {path.name for run in (a, b) for path in (run / name).iterdir()}
        assert {path.name for path in (out / name).iterdir()} == there
    assert not (out / "results.csv").exists()
    for run in (a, b):
        small.write(yaml.safe_load((run / "config.yaml").read_text()))
        conclude(run_of(small.config, out))
        assert (out / "results.csv").read_bytes() == (run / "results.csv").read_bytes()


def test_what_was_measured_comes_too_and_is_not_measured_again(small, tmp_path, monkeypatch):
    a, out = tmp_path / "a", tmp_path / "out"
    run_of(small.config, a).execute()
    Merge([a], out).execute()
    for name in ("measured", "replicates"):
        assert {n: c for n, c in files_of(out).items() if n.startswith(name)} == {
            n: c for n, c in files_of(a).items() if n.startswith(name)
        }
    for module in ("reading", "splits"):
        monkeypatch.setattr(f"reliseg.run.measure.{module}.load_state", None)
    conclude(run_of(small.config, out))
    assert (out / "results.csv").read_bytes() == (a / "results.csv").read_bytes()


def test_damaged_numbers_are_named_and_measured_again(small, tmp_path):
    a, out = tmp_path / "a", tmp_path / "out"
    run_of(small.config, a).execute()
    kept, other = sorted(a.glob("measured/*/*.gz"))[:2]
    truncate(kept)
    (replicates, *_) = a.glob("replicates/*/*.npz")
    flip(replicates)
    (a / "measured" / "mine.txt").write_text("mine")
    with pytest.raises(IncompleteError) as ended:
        Merge([a], out).execute()
    assert ended.value.lines == (f"{kept} is damaged and left out; the next run computes it again",)
    assert other.relative_to(a) in {path.relative_to(out) for path in out.glob("measured/*/*")}
    conclude(run_of(small.config, out))
    assert (out / "results.csv").read_bytes() == (a / "results.csv").read_bytes()


def test_replicates_of_the_results_that_lie_in_the_target_stay(small, tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    run_of(small.config, a).execute()
    small.write(small.content() | {"metrics": ["segmentation"]})
    run_of(small.config, b).execute()
    before = {name: content for name, content in files_of(b).items() if name.startswith("replicates")}
    Merge([a], b).execute()
    after = files_of(b)
    assert {name: after[name] for name in before} == before
    assert {n for n in files_of(a) if n.startswith("measured")} < after.keys()

"""What is stored of a shard is used where it was made of what there is now; what is not used is told why."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.plans import SilentModel, dataset_of, plan_of
from helpers.runs import model_run, store_piece, write_files
from helpers.worlds import WORLDS
from PIL import Image

from reliseg.calibration.methods.ts import Scaled
from reliseg.data import DataSet
from reliseg.labels import LabelMap
from reliseg.plan.plan import Plan, Target
from reliseg.run.context import ModelRun
from reliseg.run.evaluate.coverage import Coverage, Coverages, Seen, ShardCover
from reliseg.run.hashes import InputHashes
from reliseg.run.store.cover import Cover, Piece
from reliseg.run.store.store import Place, StoredShard

WORLD = WORLDS["plain"]
IDS = ("s/0", "s/1", "s/2")


@dataclass
class Stored:
    """A domain of three samples, each in a piece of its own."""

    out: Path
    plan: Plan
    hashes: dict[str, str]
    named: str = "net"
    together: bool = False
    """Whether shards are asked for all at once."""

    @property
    def target(self) -> Target:
        (target,) = self.plan.test_domains()
        return target

    @property
    def dataset(self) -> DataSet:
        return self.target.dataset

    def run(self, name: str = "net") -> ModelRun:
        """A run as a new process makes it."""
        return model_run(self.out, self.plan, SilentModel(self.named, labels=WORLD.labels), name)

    def coverage(self, name: str = "net") -> Coverage:
        return Coverage(self.run(name), self.target)

    def add(self, sample: str, name: str = "net") -> Path:
        pixels = np.flatnonzero(WORLD.image == IDS.index(sample))
        observed = WORLD.observe(pixels, sample)
        return store_piece(self.coverage(name), observed, {sample: self.hashes[sample]}, "identity")

    def look(self, name: str = "net") -> ShardCover:
        coverage = self.coverage(name)
        (shard,) = coverage.shards
        return coverage.of(shard, "identity")

    def missing(self, name: str = "net") -> set[str]:
        missing = self.look(name).cover.missing
        return set(missing.samples) if missing else set()


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    dataset = dataset_of({"day": IDS}, classes=WORLD.classes, root=tmp_path / "data")
    plan = plan_of(dataset, tests=["day"], metrics=["segmentation"], scores=list(WORLD.scores))
    found = Stored(tmp_path / "out", plan, write_files(dataset))
    for sample in IDS:
        found.add(sample)
    return found


def test_pieces_of_different_samples_are_the_shard_together(stored: Stored) -> None:
    found = stored.look()
    assert (found.cover.missing, found.cover.samples) == (None, set(IDS))
    assert (found.changes, found.broken) == ([], [])
    ((shard, cover),) = stored.coverage().covers("identity")
    assert [sample.id for sample in shard.samples] == list(IDS)
    assert cover.pieces() == tuple(cover.sources[""])
    assert len(cover.pieces()) == 3


@pytest.mark.parametrize("column", ["image", "mask"])
def test_a_piece_of_other_bytes_is_not_used_and_the_file_is_named(stored: Stored, column: str) -> None:
    path = stored.dataset.root / getattr(stored.target.domain.samples[1], column)
    Image.fromarray(np.full((2, 3), 200, np.uint8)).save(path)
    found = stored.look()
    assert stored.missing() == {"s/1"}
    (change,) = found.changes
    assert str(path) in change
    assert change.endswith(" changed")


def test_a_piece_of_an_image_that_is_gone_is_not_used(stored: Stored) -> None:
    (stored.dataset.root / "s/1.png").unlink()
    assert stored.missing() == {"s/1"}
    (change,) = stored.look().changes
    assert "s/1.png" in change


def test_what_changed_is_not_said_once_all_is_there_again(stored: Stored) -> None:
    Image.fromarray(np.full((2, 3), 200, np.uint8)).save(stored.dataset.root / "s/1.png")
    stored.hashes |= {"s/1": hashes_now(stored)["s/1"]}
    assert stored.look().changes
    stored.add("s/1")
    found = stored.look()
    assert (found.cover.missing, found.changes) == (None, [])
    assert len(found.cover.pieces()) == 3


def hashes_now(stored: Stored) -> dict[str, str]:
    """The hashes of the samples as they are now."""
    run = stored.run()
    return {s.id: run.context.hashes.of_sample(stored.dataset, s) for s in stored.target.domain.samples}


def test_a_piece_that_is_not_whole_is_told_and_its_sample_is_missing(stored: Stored) -> None:
    path = stored.add("s/2")
    path.write_bytes(path.read_bytes()[:-10])
    found = stored.look()
    assert stored.missing() == {"s/2"}
    assert (found.broken, found.changes) == ([path], [f"{path} is not whole"])


def other_model(stored: Stored) -> None:
    stored.named = "retrained"


def other_map(stored: Stored) -> None:
    first = stored.target
    dataset = replace(first.dataset, label_map=LabelMap.of({c: c for c in range(WORLD.classes - 1)}))
    stored.plan = replace(stored.plan, tests=(replace(first, dataset=dataset),))


def one_more_sample(stored: Stored) -> None:
    dataset = dataset_of({"day": [*IDS, "s/3"]}, classes=WORLD.classes, root=stored.dataset.root)
    write_files(dataset)
    stored.plan = plan_of(dataset, tests=["day"], metrics=["segmentation"], scores=list(WORLD.scores))


@pytest.mark.parametrize("change", [other_model, other_map, one_more_sample])
def test_what_determines_statistics_has_another_place(stored: Stored, change: Callable[[Stored], None]) -> None:
    change(stored)
    samples = {sample.id for sample in stored.target.domain.samples}
    assert stored.missing() == samples
    assert stored.look().changes == []


def test_equal_models_share_what_is_stored_and_not_why_samples_failed(stored: Stored) -> None:
    assert stored.missing("twin") == set()
    (shard,) = stored.coverage().shards
    assert stored.coverage("twin").place(shard, "identity") == stored.coverage().place(shard, "identity")
    assert stored.coverage("twin").place(shard) != stored.coverage().place(shard)


def test_a_piece_of_another_place_is_not_used_wherever_it_lies(stored: Stored) -> None:
    """Copied by hand, or by a program that mixes up folders."""
    (here,) = {path.parent for path in stored.out.glob("statistics/*/*/*.zip")}
    other_model(stored)
    coverage = stored.coverage()
    (shard,) = coverage.shards
    place = coverage.place(shard, "identity")
    shutil.copytree(here, stored.out / "statistics" / place[:2] / place)
    found = stored.look()
    assert stored.missing() == set(IDS)
    assert set(found.changes) == {"the model changed"}


def test_a_piece_of_another_calibration_is_not_used_and_is_named(stored: Stored) -> None:
    (path, *_) = sorted(stored.out.glob("statistics/*/*/*.zip"))
    scaled = SimpleNamespace(calibration=Scaled(2.0))
    coverage = Coverage(replace(stored.run(), records={"ts@world/day": scaled}), stored.target)  # type: ignore[dict-item]
    (shard,) = coverage.shards
    place = coverage.place(shard, "ts@world/day")
    assert place != coverage.place(shard, "identity")
    there = stored.out / "statistics" / place[:2] / place / path.name
    there.parent.mkdir(parents=True)
    shutil.copy(path, there)
    found = coverage.of(shard, "ts@world/day")
    assert not found.cover.pieces()
    assert found.changes == [f"{there} is of another calibration"]


def test_statistics_of_another_score_leave_the_others_in_use(stored: Stored) -> None:
    stored.plan = plan_of(stored.dataset, tests=["day"], metrics=["segmentation"], scores=["msp"])
    assert stored.missing() == set()
    stored.plan = plan_of(
        stored.dataset, tests=["day"], metrics=["segmentation"], scores=[*WORLD.scores, "neg_expected_entropy"]
    )
    missing = stored.look().cover.missing
    assert missing
    assert missing.samples == set(IDS)
    assert set(missing.layout.scores) == {"msp", "neg_expected_entropy"}


def test_files_are_hashed_once_for_models_that_are_looked_at_one_after_the_other(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen()
    for name in ("net", "twin"):
        coverages = Coverages(stored.run(name), seen)
        coverage = coverages.of(stored.target)
        assert coverages.of(stored.target) is coverage
        ((_, cover),) = coverage.covers("identity")
        assert cover.missing is None
        monkeypatch.setattr("reliseg.run.hashes.InputHashes.of_sample", None)  # not asked again
    assert set(seen.samples) == {("world/day", i) for i in IDS}


def test_what_was_found_is_found_again_where_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reliseg.run.evaluate.coverage._MOST_KEPT", 1)
    dataset = dataset_of({"day": ["s/0"], "night": ["s/1"]}, classes=WORLD.classes, root=tmp_path / "data")
    plan = plan_of(dataset, tests=["day", "night"], metrics=["segmentation"], scores=list(WORLD.scores))
    coverages = Coverages(model_run(tmp_path / "out", plan, SilentModel("net", labels=WORLD.labels), "net"))
    hashes = write_files(dataset)
    for target, are_kept in zip(plan.test_domains(), (True, False), strict=True):
        (before,), (again,) = (look(coverages, target) for _ in range(2))
        assert (again is before) == are_kept
        sample = target.domain.samples[0].id
        counted = WORLD.observe(np.flatnonzero(WORLD.image == 0), sample)
        store_piece(coverages.of(target), counted, {sample: hashes[sample]}, "identity")
        (after,) = look(coverages, target)
        assert after.samples == (frozenset() if are_kept else {sample})


def look(coverages: Coverages, target: Target) -> list[Cover]:
    return [cover for _, _, cover in coverages.covers([target], "identity")]


@pytest.fixture(params=["alone", "with all shards"])
def remembering(request: pytest.FixtureRequest, stored: Stored, monkeypatch: pytest.MonkeyPatch) -> Stored:
    """A shard that was found complete by another process; files are never too young to be remembered."""
    monkeypatch.setattr("reliseg.run.hashes._SETTLED_NS", 0)
    stored.together = request.param != "alone"
    assert shard_of(stored)[0].is_complete
    return stored


def shard_of(stored: Stored, *, verify: bool = False) -> tuple[StoredShard, bool]:
    """What a new process finds of the only shard, and whether it had to look at pieces."""
    hashes = InputHashes(stored.out / "inputs.sqlite", verify)
    run = model_run(stored.out, stored.plan, SilentModel(stored.named, labels=WORLD.labels), hashes=hashes)
    coverage, looked = Coverage(run, stored.target), list[Place]()
    store, (shard,) = run.context.store, coverage.shards
    pieces = store.pieces

    def look(place: Place) -> tuple[list[Piece], list[Path]]:
        looked.append(place)
        return pieces(place)

    store.__dict__["pieces"] = look
    found = coverage.all_stored("identity")[0] if stored.together else coverage.stored(shard, "identity")
    hashes.close()
    return found, bool(looked)


def test_a_complete_shard_is_found_again_without_a_look_at_its_pieces(remembering: Stored) -> None:
    found, looked = shard_of(remembering)
    assert not looked
    paths = {remembering.out / "statistics" / file for file in found.files}
    assert (found.is_complete, len(found.files), paths) == (True, 3, set(remembering.out.glob("statistics/*/*/*.zip")))
    assert shard_of(remembering, verify=True)[1]


def other_image(stored: Stored) -> None:
    Image.fromarray(np.full((2, 3), 200, np.uint8)).save(stored.dataset.root / "s/1.png")


def other_mask(stored: Stored) -> None:
    mask = stored.target.domain.samples[1].mask
    Image.fromarray(np.full((2, 3), 200, np.uint8)).save(stored.dataset.root / str(mask))


def lost_image(stored: Stored) -> None:
    (stored.dataset.root / "s/1.png").unlink()


def lost_piece(stored: Stored) -> None:
    min(stored.out.glob("statistics/*/*/*.zip")).unlink()


def damaged_piece(stored: Stored) -> None:
    path = min(stored.out.glob("statistics/*/*/*.zip"))
    path.write_bytes(path.read_bytes()[:-10])


def more_scores(stored: Stored) -> None:
    scores = [*WORLD.scores, "neg_expected_entropy"]
    stored.plan = plan_of(stored.dataset, tests=["day"], metrics=["segmentation"], scores=scores)


@pytest.mark.parametrize(
    "change", [other_image, other_mask, lost_image, lost_piece, damaged_piece, more_scores, other_model, other_map]
)
def test_a_shard_that_was_complete_is_not_where_anything_changed(
    remembering: Stored, change: Callable[[Stored], None]
) -> None:
    change(remembering)
    assert not shard_of(remembering)[0].is_complete


def test_a_shard_that_was_complete_is_not_where_a_calibration_has_seen_its_image_since(
    remembering: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = InputHashes()
    sample = remembering.target.domain.samples[1]
    image.of_sample(remembering.dataset, sample)
    seen = {image.of_image(remembering.dataset, sample): "this is the same image as s/9"}
    monkeypatch.setattr(Coverage, "unseen", seen)
    assert not shard_of(remembering)[0].is_complete


def test_a_further_piece_is_looked_at_and_changes_nothing(remembering: Stored) -> None:
    remembering.plan = plan_of(remembering.dataset, tests=["day"], metrics=["segmentation"], scores=["msp"])
    before = shard_of(remembering)[0]
    path = max(remembering.out.glob("statistics/*/*/*.zip"))
    shutil.copy(path, path.with_name("copy.zip"))
    found, looked = shard_of(remembering)
    assert (before.is_complete, found.is_complete, looked, len(found.files)) == (True, True, True, 3)


def test_of_a_shard_that_lacks_samples_the_files_that_hold_others_are_named(stored: Stored) -> None:
    lost_piece(stored)
    found, _ = shard_of(stored)
    assert (found.is_complete, len(found.files)) == (False, 2)

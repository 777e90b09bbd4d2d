"""A stored result is valid as long as it would be computed from the same inputs: each part of them counts."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.plans import SilentModel, dataset_of, target_of
from PIL import Image

from reliseg.data import sample_sha256
from reliseg.run.predict.freshness import Change, Inputs, StoredInputs

WRITTEN = 1_700_000_000


class World:
    """Two samples with images, masks and a stored prediction each, and a result that was written after them."""

    def __init__(self, root: Path) -> None:
        self.dataset = dataset_of({"day": ["s/1", "s/2"], "dusk": ["t/1"]}, root=root)
        self.target = target_of(self.dataset, "day")
        self.result = root / "result"
        for sample in (*self.target.domain.samples, *self.dataset.domains["dusk"].samples):
            for i, name in enumerate((sample.image, sample.mask, f"{sample.id}.npz")):
                assert name is not None
                path = root / name
                path.parent.mkdir(exist_ok=True)
                Image.fromarray(np.full((2, 3), i, np.uint8)).save(path, "PNG")
                self.touch(path, -10)
        self.result.write_text("")
        self.touch(self.result, 0)
        stored = {s.id: (root / f"{s.id}.npz",) for s in self.target.domain.samples}
        self.now = Inputs(SilentModel(stored=stored), {self.target: self.target.domain.samples}, {"ts": "1"})
        hashes = {s.id: sample_sha256(self.dataset, s) for s in self.target.domain.samples}
        self.before = StoredInputs(self.now.model.fingerprint(), {"world/day": hashes}, {"ts": "1"})

    def touch(self, path: Path, seconds: int) -> None:
        os.utime(path, (WRITTEN + seconds, WRITTEN + seconds))

    def change(self) -> Change | None:
        return self.now.change_since(self.result, self.before)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_nothing_has_changed(world: World) -> None:
    assert world.change() is None
    assert world.now.missing(world.before) == []


def test_another_model_and_other_calibrations_are_changes(world: World) -> None:
    world.now = replace(world.now, model=SilentModel("other"))
    assert world.change() == Change("another model")
    world.now = replace(world.now, model=SilentModel(), calibrations={"ts": "2"})
    assert world.change() == Change("other calibrations")


def test_a_sample_that_left_is_a_change_and_one_that_came_is_missing(world: World) -> None:
    first, second = world.target.domain.samples
    world.now = replace(world.now, samples={world.target: (first,)})
    assert world.change() == Change("other samples")
    world.now = replace(world.now, samples={target_of(world.dataset, "dusk"): world.dataset.domains["dusk"].samples})
    assert world.change() == Change("other samples")
    world.now = replace(world.now, samples={world.target: (first, second)})
    world.before = replace(world.before, samples={"world/day": {first.id: world.before.samples["world/day"][first.id]}})
    assert world.change() is None
    assert world.now.missing(world.before) == [second]
    world.touch(world.dataset.root / second.image, 10)  # it is read anyway
    (world.dataset.root / second.image).write_bytes(b"changed")
    assert world.change() is None


@pytest.mark.parametrize("kind", ["image", "mask"])
def test_a_newer_picture_is_a_change_unless_its_bytes_are_the_same(world: World, kind: str) -> None:
    path = world.dataset.root / getattr(world.target.domain.samples[1], kind)
    world.touch(path, 10)
    assert world.change() is None  # a copy
    path.write_bytes(path.read_bytes() + b"more")
    world.touch(path, 10)
    assert world.change() == Change("newer files", path)
    world.touch(path, 0)  # a file that is not newer counts as unchanged
    assert world.change() is None
    path.unlink()
    assert world.change() is None


def test_a_newer_stored_prediction_is_a_change(world: World) -> None:
    path = world.dataset.root / "s/2.npz"
    world.touch(path, 10)
    assert world.change() == Change("newer files", path)

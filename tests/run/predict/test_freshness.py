"""A stored result is valid as long as it would be computed from the same inputs: each part of them counts."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.plans import SilentModel, dataset_of, target_of
from PIL import Image

from reliseg.data import sample_sha256
from reliseg.run.hashes import InputHashes
from reliseg.run.predict.freshness import Inputs, StoredInputs


class World:
    """Two samples with images, masks and a stored prediction each, and what a result says it was computed from."""

    def __init__(self, root: Path) -> None:
        self.dataset = dataset_of({"day": ["s/1", "s/2"], "dusk": ["t/1"]}, root=root)
        self.target = target_of(self.dataset, "day")
        for sample in (*self.target.domain.samples, *self.dataset.domains["dusk"].samples):
            for i, name in enumerate((sample.image, sample.mask, f"{sample.id}.npz")):
                assert name is not None
                path = root / name
                path.parent.mkdir(exist_ok=True)
                Image.fromarray(np.full((2, 3), i, np.uint8)).save(path, "PNG")
        files = {s.id: (root / f"{s.id}.npz",) for s in self.target.domain.samples}
        self.now = Inputs(
            {"model": "1", "label map": "2"},
            SilentModel(stored=files),
            {self.target: self.target.domain.samples},
            InputHashes(),
        )
        hashes = {s.id: sample_sha256(self.dataset, s)[0] for s in self.target.domain.samples}
        predictions = {i: InputHashes().of_files(paths) for i, paths in files.items()}
        self.before = StoredInputs(self.now.parts, {"world/day": hashes}, {"world/day": predictions})

    def change(self) -> str | None:
        return self.now.change_since(self.before)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_nothing_has_changed(world: World) -> None:
    assert world.change() is None
    assert world.now.missing(world.before) == []


def test_a_part_that_is_another_one_is_named(world: World) -> None:
    world.now = replace(world.now, parts={"model": "1", "label map": "3"})
    assert world.change() == "the label map changed"
    world.now = replace(world.now, parts={"model": "2", "label map": "2", "calibration ts": "1"})
    assert world.change() == "the model and the calibration ts changed"


def test_a_sample_that_left_is_a_change_and_one_that_came_is_missing(world: World) -> None:
    first, second = world.target.domain.samples
    world.now = replace(world.now, samples={world.target: (first,)})
    assert world.change() == "s/2 is not among the samples any more"
    world.now = replace(world.now, samples={target_of(world.dataset, "dusk"): world.dataset.domains["dusk"].samples})
    assert world.change() == "s/1 is not among the samples any more"
    world.now = replace(world.now, samples={world.target: (first, second)})
    world.before = replace(world.before, samples={"world/day": {first.id: world.before.samples["world/day"][first.id]}})
    assert world.change() is None
    assert world.now.missing(world.before) == [second]
    (world.dataset.root / second.image).write_bytes(b"changed")  # it is read anyway
    assert world.change() is None


@pytest.mark.parametrize("kind", ["image", "mask", "prediction"])
def test_other_bytes_are_a_change_whatever_the_times_and_equal_ones_are_not(world: World, kind: str) -> None:
    sample = world.target.domain.samples[1]
    path = world.dataset.root / (f"{sample.id}.npz" if kind == "prediction" else getattr(sample, kind))
    content, times = path.read_bytes(), path.stat()
    path.unlink()
    path.write_bytes(content)  # a copy
    assert world.change() is None
    path.write_bytes(content[:-1] + b"x")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    world.now = replace(world.now, hashes=InputHashes(), known={})  # another run
    assert str(path) in (world.change() or "")
    assert (world.change() or "").endswith("changed")


def test_a_file_that_cannot_be_read_is_a_change(world: World) -> None:
    (world.dataset.root / "s/2.npz").unlink()
    assert "cannot be read" in (world.change() or "")


def test_bytes_that_change_while_a_run_goes_on_are_a_change(world: World) -> None:
    assert world.change() is None
    (world.dataset.root / world.target.domain.samples[0].image).write_bytes(b"changed")
    world.now = replace(world.now, known={})  # for another model
    assert "changed while the run went on" in (world.change() or "")

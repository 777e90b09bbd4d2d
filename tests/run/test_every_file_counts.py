"""Whatever file a configuration names: after an edit the same command gives the results of a fresh run, or refuses."""

import json
import os
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers.devices import Notes
from helpers.street import CLASSES, Street, make_street, spec_text
from PIL import Image

import reliseg
from reliseg.calibration.methods.ts import Scaled
from reliseg.calibration.records.record import read_record, write_record
from reliseg.errors import ConfigError, UsageError
from reliseg.labels import label_space
from reliseg.run import hashes

pytestmark = pytest.mark.slow
RESULTS = ("results.csv", "reliability.csv", "fits.csv", "curves.json", "images.csv")
NAMES = label_space("camvid").classes
NETWORK = """
import torch
from layer import SCALE

class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Conv2d(3, 11, 3, stride=4, padding=1)

    def forward(self, x):
        return SCALE * self.layer(x)

def network():
    return Network()
"""


@dataclass(frozen=True)
class Study:
    """A configuration in which every kind of file is named, and what a run of it gave."""

    street: Street
    base: Path

    @property
    def root(self) -> Path:
        return self.street.root

    def file(self, name: str) -> Path:
        return self.root / name

    def carry_out(self, out: Path, progress: Notes | None = None) -> dict[str, bytes]:
        reliseg.run_config(self.street.config, out, progress=progress)
        return {name: (out / name).read_bytes() for name in RESULTS}

    def outcome(self, out: Path) -> dict[str, bytes] | str:
        """Return the results, or the refusal."""
        try:
            return self.carry_out(out)
        except UsageError as error:
            return str(error)


def toml(names: list[str]) -> str:
    return f"classes = {names!r}\n"


def write_study(root: Path) -> Street:
    from safetensors.numpy import save_file

    street = make_street(root, cal=3, day=3, dusk=3)
    random = np.random.default_rng(0)
    weights = {"layer.weight": random.normal(0, 1, (CLASSES, 3, 3, 3)), "layer.bias": np.zeros(CLASSES)}
    save_file({k: v.astype(np.float32) for k, v in weights.items()}, root / "weights.safetensors")
    (root / "network.py").write_text(NETWORK)
    (root / "layer.py").write_text("SCALE = 1.0\n")
    (root / "data.toml").write_text(toml(list(NAMES)))
    (root / "model.toml").write_text(toml([f"m {n}" for n in NAMES]))
    (root / "other.toml").write_text(toml([f"o {n}" for n in NAMES]))
    (root / "street.toml").write_text(spec_text("data.toml"))
    content = street.content()
    content["models"] = [
        {"name": "stored", "kind": "stored", "where": "logits", "labels": "model.toml"},
        {
            "name": "python",
            "kind": "python",
            "where": "network.py:network",
            "weights": "weights.safetensors",
            "labels": "other.toml",
        },
    ]
    order = list(range(CLASSES))
    content["datasets"][0] |= {"spec": "street.toml", "projection": {"model.toml": order, "other.toml": order}}
    content["calibration"] = [{"on": ["street/cal"], "methods": ["identity", "ts", "class_ts"]}]
    content["scores"] = ["msp"]
    street.write(content)
    return street


def only_stored(content: dict[str, Any]) -> dict[str, Any]:
    """The configuration with only the stored predictions."""
    dataset = content["datasets"][0]
    projection = {"model.toml": dataset["projection"]["model.toml"]}
    return content | {"models": content["models"][:1], "datasets": [dataset | {"projection": projection}]}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    root = tmp_path_factory.mktemp("study")
    study = Study(write_study(root), tmp_path_factory.mktemp("base") / "run")
    with pytest.MonkeyPatch.context() as patch:  # as if all files had been there for long: their hashes are trusted
        patch.setattr(hashes, "time", SimpleNamespace(time_ns=lambda: time.time_ns() + 10**10))
        study.carry_out(study.base)
    return study


def edit_prediction(path: Path) -> None:
    np.savez(path, logits=np.load(path)["logits"][::-1])


def edit_picture(path: Path) -> None:
    with Image.open(path) as picture:
        Image.fromarray(np.asarray(picture)[::-1]).save(path)


def replaced(before: str, after: str) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after, 1))

    return edit


def edit_weights(path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    save_file({key: value[::-1].copy() for key, value in load_file(path).items()}, path)


def swap_classes(path: Path) -> None:
    text = path.read_text()
    first, second = (text.split("'")[k] for k in (1, 3))
    names = {f"'{first}'": f"'{second}'", f"'{second}'": f"'{first}'"}
    path.write_text(re.sub("'[^']+'", lambda match: names.get(match[0], match[0]), text))


EDITS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "label map of the spec": ("street.toml", replaced("0 = 0, 1 = 1", "0 = 1, 1 = 0")),
    "void of the spec": ("street.toml", replaced("void = [11]", "unknown = [11]")),
    "scene of the spec": ("street.toml", replaced("([^_]+)_", "(.)[^_]+_")),
    "classes of the data": ("data.toml", swap_classes),
    "classes of a model": ("model.toml", swap_classes),
    "code of a network": ("network.py", replaced("SCALE *", "2 * SCALE *")),
    "code that it imports": ("layer.py", replaced("1.0", "0.5")),
    "weights": ("weights.safetensors", edit_weights),
    "image": ("data/train/s142_1000.png", edit_picture),
    "mask": ("data/testannot/s285_2000.png", edit_picture),
    "prediction": ("logits/s143/s143_1001.npz", edit_prediction),
    "first prediction": ("logits/s0/s0_0000.npz", edit_prediction),
    "image that calibrations are fitted on": ("data/val/s0_0001.png", edit_picture),
    "mask that calibrations are fitted on": ("data/valannot/s0_0002.png", edit_picture),
    "prediction that calibrations are fitted on": ("logits/s0/s0_0002.npz", edit_prediction),
}
ONLY_NAMES = {"classes of the data", "classes of a model"}
"""Edits that may change nothing but names in results."""
REFUSED = {"scene of the spec"}
"""Edits that give samples other ids than stored predictions have."""


@pytest.mark.parametrize("edited", EDITS)
def test_an_edited_file_gives_what_a_fresh_run_gives(study: Study, tmp_path: Path, edited: str) -> None:
    name, edit = EDITS[edited]
    path = study.file(name)
    content, times = path.read_bytes(), path.stat()
    shutil.copytree(study.base, tmp_path / "run")
    try:
        edit(path)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        again = study.outcome(tmp_path / "run")
        assert again == study.outcome(tmp_path / "fresh")
    finally:
        path.write_bytes(content)
    before = {name: (study.base / name).read_bytes() for name in RESULTS}
    assert edited in ONLY_NAMES or again != before, "the edit is one that changes numbers"
    assert isinstance(again, str) == (edited in REFUSED)


def test_nothing_is_computed_again_where_nothing_was_edited(study: Study, tmp_path: Path) -> None:
    shutil.copytree(study.base, tmp_path / "run")
    kept = {p: p.stat().st_mtime_ns for p in (tmp_path / "run").rglob("*.zip")}
    assert study.carry_out(tmp_path / "run") == {name: (study.base / name).read_bytes() for name in RESULTS}
    assert {p: p.stat().st_mtime_ns for p in kept} == kept
    assert kept


def test_a_loaded_calibration_that_was_edited_is_refused(study: Study, tmp_path: Path) -> None:
    content = study.street.content()
    record = tmp_path / "ts.json"
    shutil.copy(study.base / "calibrations/stored/ts@street-cal.json", record)
    try:
        study.street.write(only_stored(content) | {"calibration": [{"load": str(record)}]})
        study.carry_out(tmp_path / "run")
        text, times = record.read_text(), record.stat()
        facts = json.loads(text)
        facts["parameters"]["temperature"] *= 2
        record.write_text(json.dumps(facts))
        os.utime(record, ns=(times.st_atime_ns, times.st_mtime_ns))
        with pytest.raises(ConfigError, match="it was changed since it was written"):
            study.carry_out(tmp_path / "run")
        record.write_text(text)
        whole = replace(read_record(record), calibration=Scaled(3.0))
        shutil.copy(write_record(tmp_path / "other", whole), record)
        assert study.carry_out(tmp_path / "run") == study.carry_out(tmp_path / "fresh")
    finally:
        study.street.write(content)


def test_another_seed_is_another_question_to_the_folder(study: Study, tmp_path: Path) -> None:
    shutil.copytree(study.base, tmp_path / "run")
    content = study.street.content()
    try:
        study.street.write(content | {"seed": 7})
        assert study.carry_out(tmp_path / "run") == study.carry_out(tmp_path / "fresh")
    finally:
        study.street.write(content)


def test_two_equal_models_of_one_run_see_the_same_mask(study: Study, tmp_path: Path) -> None:
    """A mask that is replaced between them is an error, and the next run is that of the new mask."""
    content, path = study.street.content(), study.file("data/testannot/s285_2000.png")
    mask = path.read_bytes()
    twin = content["models"][0] | {"name": "twin"}

    class Replacing(Notes):
        def begin(self, title: str, steps: int) -> None:
            super().begin(title, steps)
            if title.startswith("twin on street/dusk"):
                edit_picture(path)

    try:
        study.street.write(only_stored(content) | {"models": [content["models"][0], twin]})
        with pytest.raises(reliseg.errors.IncompleteError, match=r"s285_2000.png changed while the run went on"):
            study.carry_out(tmp_path / "run", Replacing())
        again = study.carry_out(tmp_path / "run")
        assert again == study.carry_out(tmp_path / "fresh")
        rows = again["results.csv"].decode().splitlines()
        numbers = {name: [r.split(",", 1)[1] for r in rows if r.startswith(f"{name},")] for name in ("stored", "twin")}
        assert numbers["stored"] == numbers["twin"]
        assert numbers["twin"]
    finally:
        study.street.write(content)
        path.write_bytes(mask)

"""Pictures that a run keeps: of the right images, with the pixels of its predictions, and none twice."""

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.restored import restored
from helpers.runs import run_of
from helpers.street import Street, add_features, make_street
from PIL import Image

from reliseg.errors import IncompleteError
from reliseg.kernels.reference import full_logits
from reliseg.results.pictures import THRESHOLDS, ConfidencePicture, PictureEntry, PictureIndex, ScenePicture, decoded
from reliseg.run.context import ModelRun
from reliseg.run.depot.base import LocalDepot
from reliseg.run.execute import Run
from reliseg.run.pictures import album
from reliseg.run.stages import conclude
from reliseg.runtime.progress import Silent


class Notes(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


def small_street(root: Path, day: int = 5, dusk: int = 4) -> Street:
    street = make_street(root, cal=2, day=day, dusk=dusk)
    street.write(street.content() | {"metrics": ["segmentation"], "scores": ["msp"]})
    return street


def run_in(street: Street, number: int | None, progress: Any = None, save: tuple[str, ...] = ()) -> Run:
    return run_of(street.config, street.root / "run", pictures=number, progress=progress or Silent(), save=save)


def index_of(street: Street) -> PictureIndex:
    index = PictureIndex.read(street.root / "run")
    assert index is not None
    return index


def picture(street: Street, entry: PictureEntry, calibration: str = "identity") -> ConfidencePicture:
    return ConfidencePicture.read(street.root / "run" / "pictures" / entry.confidences[calibration])


@contextmanager
def predictions(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[None]]:
    """The predictions that are made into pictures."""
    made: list[None] = []
    real = album.label_and_confidence
    with monkeypatch.context() as patch:
        patch.setattr(album, "label_and_confidence", lambda p: made.append(None) or real(p))
        yield made


MAPS = ("prediction", "confidence", "prediction@ts@street/cal", "confidence@ts@street/cal")


def picture_bytes(street: Street) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (street.root / "run" / "pictures").iterdir()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Street:
    street = small_street(tmp_path_factory.mktemp("album"), day=6, dusk=5)
    run_in(street, 2).execute()
    return street


@pytest.fixture
def street(tmp_path: Path) -> Street:
    return small_street(tmp_path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Street]:
    """Streets that have been run: with a picture of each domain, and with maps of each image."""
    streets = {name: small_street(tmp_path_factory.mktemp(name) / "street") for name in ("pictured", "saved")}
    run_in(streets["pictured"], 1).execute()
    run_in(streets["saved"], None, save=MAPS).execute()
    return streets


@pytest.fixture
def pictured(made: dict[str, Street]) -> Iterator[Street]:
    """A street whose run has a picture of each domain."""
    with restored(made["pictured"].root):
        yield made["pictured"]


@pytest.fixture
def saved(made: dict[str, Street]) -> Iterator[Street]:
    """A street whose run has saved the maps of each image."""
    with restored(made["saved"].root):
        yield made["saved"]


def test_the_worst_images_of_the_table_and_a_typical_one_are_shown_under_each_calibration(finished):
    index = index_of(finished)
    with (finished.root / "run" / "images.csv").open() as file:
        lines = [line for line in csv.DictReader(file) if line["calibration"] == "identity"]
    for domain in ("day", "dusk"):
        ordered = sorted((float(line["miou"]), line["sample"]) for line in lines if line["domain"] == domain)
        entries = [e for e in index.pictures if e.domain == domain]
        assert [(e.rank, e.sample) for e in entries if e.rank] == [(1, ordered[0][1]), (2, ordered[1][1])]
        assert [e.sample for e in entries if e.typical] == [ordered[(len(ordered) - 1) // 2][1]]
    assert {tuple(e.confidences) for e in index.pictures} == {("identity", "ts@street/cal")}
    assert index.classes["street"].own_palette
    assert len(index.classes["street"].names) == len(index.classes["street"].colors) == 11


def test_pixels_and_counts_are_those_of_the_predictions(finished):
    for entry in index_of(finished).pictures:
        scene, stem = entry.sample.split("/")
        folder = {"day": "train", "dusk": "test"}[entry.domain]
        logits = np.load(finished.root / "logits" / scene / f"{stem}.npz")["logits"]
        truth = np.asarray(Image.open(finished.root / "data" / f"{folder}annot" / f"{stem}.png"))
        from reliseg.prediction import Prediction

        shown = Prediction(logits, truth.shape)
        z = full_logits(shown.view(), shown.columns, slice(0, truth.shape[0]))[:11].reshape(11, *truth.shape)
        shares = np.exp(z - z.max(axis=0)) / np.exp(z - z.max(axis=0)).sum(axis=0)
        classes, confidence = z.argmax(axis=0), np.rint(shares.max(axis=0) * 65535) / 65535
        found = picture(finished, entry)
        np.testing.assert_array_equal(found.classes, classes)
        for level, threshold in enumerate(THRESHOLDS):
            accepted = (confidence >= threshold) & (truth < 11)
            right, wrong = found.counts[:2, level:].sum(axis=1)
            assert (right, wrong) == ((accepted & (classes == truth)).sum(), (accepted & (classes != truth)).sum())
        scene_picture = ScenePicture.read(finished.root / "run" / "pictures" / entry.scene)
        np.testing.assert_array_equal(scene_picture.truth, np.where(truth == 11, 255, truth))
        assert decoded(scene_picture.image).shape == (24, 32, 3)


def test_a_calibration_changes_confidence_and_not_classes(finished):
    entry = index_of(finished).pictures[0]
    before, after = picture(finished, entry), picture(finished, entry, "ts@street/cal")
    np.testing.assert_array_equal(before.classes, after.classes)
    assert not np.array_equal(before.levels, after.levels)


def test_what_is_there_is_not_made_again_and_of_more_images_only_those_that_are_new(pictured, monkeypatch):
    folder = pictured.root / "run" / "pictures"
    states = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.glob("*.npz")}
    few = index_of(pictured)
    with predictions(monkeypatch) as made:
        run_in(pictured, 1).execute()
    assert not made
    with predictions(monkeypatch) as made:
        run_in(pictured, 2).execute()
    more = {e.sample for e in index_of(pictured).pictures} - {e.sample for e in few.pictures}
    assert len(made) == 2 * len(more) > 0  # two calibrations
    assert len(list(folder.glob("*.npz"))) == len(states) + 3 * len(more)
    assert all((path.read_bytes(), path.stat().st_mtime_ns) == state for path, state in states.items())
    with predictions(monkeypatch) as made:
        run_in(pictured, 1).execute()
    assert not made
    assert index_of(pictured) == few


def test_pictures_are_the_same_bytes_in_a_run_that_grew_and_in_a_fresh_one(street, finished, tmp_path):
    run_in(street, 2).execute()
    again = small_street(tmp_path / "fresh")
    run_in(again, 1).execute()
    run_in(again, 2).execute()
    mine, theirs = (
        {path.name: path.read_bytes() for path in (s.root / "run" / "pictures").iterdir()} for s in (street, again)
    )
    assert mine == {name: theirs[name] for name in mine}


def test_a_run_without_pictures_forgets_those_that_show_something_else(pictured):
    before = len(index_of(pictured).pictures)
    changed = pictured.root / "logits" / "s142" / "s142_1000.npz"
    np.savez(changed, logits=np.load(changed)["logits"] * 0.5)
    worst = {e.sample for e in index_of(pictured).pictures}
    notes = Notes()
    run_in(pictured, None, notes).execute()
    left = {e.sample for e in index_of(pictured).pictures}
    assert "s142/s142_1000" not in left
    assert left <= worst
    if len(left) < before:
        assert any("would show what has been measured since: --pictures 1 makes them" in line for line in notes.lines)
    run_in(pictured, 1).execute()
    assert {e.rank for e in index_of(pictured).pictures} <= {0, 1}


def test_a_domain_without_annotation_shows_the_least_sure_images(street):
    content = street.content()
    content["datasets"][0] |= {"annotations": "none", "domains": {"dusk": {"split": "test"}}}
    street.write({key: v for key, v in content.items() if key not in ("calibration", "metrics")} | {"test": {}})
    run_in(street, 1).execute()
    entries = index_of(street).pictures
    assert [e.rank for e in entries] in ([1], [1, 0])
    found = picture(street, entries[0])
    assert found.counts[:3].sum() == 0
    assert found.counts[3].sum() == 24 * 32
    assert ScenePicture.read(street.root / "run" / "pictures" / entries[0].scene).truth is None


def test_the_stage_that_measures_makes_them_too_and_results_without_a_model_keep_them(street, monkeypatch):
    run_in(street, None).execute()
    conclude(run_in(street, 1), with_models=True)
    before = index_of(street)
    assert before.pictures
    (street.root / "run" / "results.csv").unlink()
    with predictions(monkeypatch) as made:
        conclude(run_in(street, None))
    assert not made
    assert index_of(street) == before


def test_an_incomplete_run_has_pictures_of_what_was_measured(street):
    street.logits("test", 2001).write_bytes(b"no zip")
    with pytest.raises(IncompleteError):
        run_in(street, 1).execute()
    assert {e.domain for e in index_of(street).pictures} == {"day"}


def test_seeds_of_a_mean_have_no_pictures_of_their_own(street):
    content = street.content()
    content["calibration"][0]["methods"] = ["cluster-ts(k=2,seeds=[1,2])"]
    add_features(street).write(content)
    run_in(street, 1).execute()
    assert {name for e in index_of(street).pictures for name in e.confidences} == {"identity"}


def test_the_index_names_no_file_that_is_not_there(finished):
    folder = finished.root / "run" / "pictures"
    text = json.loads((folder / "index.json").read_text())
    names = {n for e in text["pictures"] for n in (e["scene"], *e["confidences"].values())}
    assert names == {path.name for path in folder.glob("*.npz")}


def test_an_index_that_is_damaged_is_written_anew_and_harms_no_run_without_pictures(pictured):
    index = pictured.root / "run" / "pictures" / "index.json"
    whole = index.read_bytes()
    index.write_text("{")
    (pictured.root / "run" / "results.csv").unlink()
    notes = Notes()
    run_in(pictured, None, notes).execute()
    assert any("not the index of pictures of a run; carry out the run with --pictures again" in n for n in notes.lines)
    run_in(pictured, 1).execute()
    assert index.read_bytes() == whole


def test_what_is_saved_makes_the_same_bytes_as_the_model_which_is_not_asked(saved, tmp_path, monkeypatch):
    other = small_street(tmp_path / "unsaved")
    run_in(other, 2).execute()
    monkeypatch.delattr(ModelRun, "stream")  # which loads the model
    run_in(saved, 2).execute()
    assert picture_bytes(saved) == picture_bytes(other)
    assert index_of(saved).pictures


@pytest.mark.parametrize("save", [MAPS[:2], MAPS[1:], MAPS[::2]])
def test_an_image_of_which_not_all_is_saved_is_predicted_again(street, save, monkeypatch):
    run_in(street, None, save=save).execute()
    with predictions(monkeypatch) as made:
        run_in(street, 1).execute()
    assert len(made) == 2 * len(index_of(street).pictures)


def test_what_was_saved_of_another_prediction_or_calibration_is_not_shown(saved, monkeypatch):
    changed = saved.root / "logits" / "s142" / "s142_1000.npz"
    np.savez(changed, logits=np.load(changed)["logits"] * 0.5)
    with predictions(monkeypatch) as made:
        run_in(saved, 5).execute()
    assert len(made) == 2
    content = saved.content()
    content["calibration"][0]["methods"] = ["identity", "vector"]
    saved.write(content)
    run_in(saved, 5).execute()
    for file in (saved.root / "run" / "saved").rglob("*@ts@street-cal.png"):
        file.rename(file.with_name(file.name.replace("@ts@", "@vector@")))
    for file in (saved.root / "run" / "pictures").glob("*.npz"):
        file.unlink()
    with predictions(monkeypatch) as made:
        run_in(saved, 5).execute()
    assert len(made) == 2 * len(index_of(saved).pictures)


def test_an_image_that_changed_since_it_was_saved_is_not_shown_with_the_old_prediction(saved, monkeypatch):
    mask = saved.mask("train", 1000)
    Image.fromarray(np.asarray(Image.open(mask))[::-1].copy()).save(mask)
    with predictions(monkeypatch) as made:
        run_in(saved, 5).execute()
    assert len(made) == 2


def test_maps_of_an_object_store_are_fetched_by_name(saved, monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr(LocalDepot, "fetch", lambda _, *folders, stem="": asked.append(stem))
    run_in(saved, 1).execute()
    assert {f"{e.sample.split('/')[1]}_conf@ts@street-cal.png" for e in index_of(saved).pictures} <= set(asked)

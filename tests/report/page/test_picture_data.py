"""The pictures of the page: as many and as large as there is place for."""

import base64
import zlib

import numpy as np
import pytest
from helpers.simulated_run import Shape, write_simulated_pictures, write_simulated_run

from reliseg.report.page import RunFiles, build_page
from reliseg.report.page.picture_data import picture_data
from reliseg.report.page.tables import join_runs, names_of
from reliseg.results.pictures import THRESHOLDS, ConfidencePicture, PictureIndex, decoded

SHAPE = Shape()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = write_simulated_run(tmp_path_factory.mktemp("pictures") / "run", SHAPE)
    write_simulated_pictures(folder, SHAPE, each=2, size=(150, 280))
    return folder


def data_of(*folders, budget=8e6):
    runs = [RunFiles.read(folder) for folder in folders]
    names = names_of(runs)
    return picture_data(join_runs(runs, names), runs, names, budget)


def maps_of(data, index, scene):
    flat = np.frombuffer(zlib.decompress(base64.b64decode(data.blobs[index])), np.uint8)
    return np.add.accumulate(flat.reshape(-1, scene["height"], scene["width"]), axis=1, dtype=np.uint8)


def test_maps_and_counts_of_the_page_are_those_of_the_run(run):
    data = data_of(run)
    entries = PictureIndex.read(run).pictures
    shown = data.head["shown"]
    assert len(shown) == len(entries) == 8
    assert data.head["notes"] == []
    assert data.head["thresholds"] == THRESHOLDS
    for one in shown:
        scene = data.head["scenes"][one["scene"]]
        model, domain = SHAPE.models[one["model"]], SHAPE.domains[one["domain"]]
        (entry,) = [e for e in entries if (e.model, e.domain, e.rank) == (model, domain, one["rank"])]
        assert scene["sample"] == entry.sample
        for calibration, state in one["states"].items():
            file = entry.confidences[SHAPE.calibrations[int(calibration)]]
            picture = ConfidencePicture.read(run / "pictures" / file)
            classes, levels = maps_of(data, state["maps"], scene)
            np.testing.assert_array_equal(classes, picture.classes)
            np.testing.assert_array_equal(levels, picture.levels)
            assert state["counts"] == picture.counts.tolist()


def test_an_image_that_models_share_is_there_once(run):
    data = data_of(run)
    images = {(e.domain, e.sample) for e in PictureIndex.read(run).pictures}
    assert len(data.head["scenes"]) == len(images) < len(data.head["shown"])
    assert len(data.blobs) == 2 * len(images) + 2 * len(data.head["shown"])


@pytest.mark.parametrize("share", [0.9, 0.5, 0.2, 0.01])
def test_with_less_place_pictures_are_smaller_or_left_out_and_the_page_says_so(run, share):
    everything = sum(map(len, data_of(run).blobs))
    data = data_of(run, budget=share * everything)
    assert sum(map(len, data.blobs)) <= share * everything
    assert data.head["notes"]
    ranks = [one["rank"] for one in data.head["shown"]]
    assert ranks == sorted(ranks)  # the worst of each model and domain are there first
    if share > 0.8:
        assert len(ranks) == 8
        assert "Pictures are at most" in data.head["notes"][0]
        scene = data.head["scenes"][0]
        assert scene["width"] < 280
        assert scene["full"] == [150, 280]
        assert decoded(base64.b64decode(data.blobs[scene["image"]])).shape == (scene["height"], scene["width"], 3)
    if share < 0.1:
        assert "left out" in data.head["notes"][-1]


def test_without_any_place_there_are_none_and_the_page_is_as_small_as_before(run):
    data = data_of(run, budget=0)
    assert data.blobs == []
    assert "8 of 8 pictures are left out" in data.head["notes"][0]
    page = build_page([RunFiles.read(run)], picture_budget=0)
    assert len(page.encode()) < 1_300_000


def test_the_same_pictures_give_the_same_bytes_within_the_budget(run):
    page = build_page([RunFiles.read(run)], picture_budget=60_000)
    assert page == build_page([RunFiles.read(run)], picture_budget=60_000)
    assert len(page.encode()) < 1_300_000 + 60_000


def test_pictures_of_two_runs_are_those_of_their_models(run, tmp_path):
    other = write_simulated_run(tmp_path / "other", Shape(models=("third",)))
    write_simulated_pictures(other, Shape(models=("third",)), each=1, size=(30, 40))
    data = data_of(run, other)
    assert sorted({one["model"] for one in data.head["shown"]}) == [0, 1, 2]
    assert data_of(write_simulated_run(tmp_path / "none")).head["shown"] == []


def test_a_palette_that_nobody_wrote_becomes_one_that_all_can_tell_apart(run, tmp_path):
    (space,) = data_of(run).head["spaces"]
    assert space["colors"] != space["safe"]
    folder = write_simulated_run(tmp_path / "run", SHAPE)
    write_simulated_pictures(folder, SHAPE, each=1, size=(30, 40), own_palette=False)
    (space,) = data_of(folder).head["spaces"]
    assert space["colors"] == space["safe"]
    assert space["names"] == list(SHAPE.labels)

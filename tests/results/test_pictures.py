"""Pictures on disk: what is written is read, what is none is refused in one line, and counts are of the whole image."""

import json

import numpy as np
import pytest

from reliseg.errors import DataError
from reliseg.results import pictures
from reliseg.results.pictures import (
    SIDE,
    THRESHOLDS,
    ConfidencePicture,
    PictureClasses,
    PictureEntry,
    PictureIndex,
    ScenePicture,
    decoded,
    encoded,
    fitted,
    smaller_image,
    smaller_map,
)

FILE = "0123456789abcdef0123456789abcdef.npz"
ENTRY = PictureEntry("net", "d", "day", "s/1", 1, False, FILE, {"identity": FILE})
INDEX = PictureIndex(1, 4, {"d": PictureClasses(["a", "b"], [[0, 0, 0], [1, 2, 3]], True)}, [ENTRY])


@pytest.fixture
def world():
    draw = np.random.default_rng(0)
    truth = draw.choice([0, 1, 2, 254, 255], (40, 60)).astype(np.uint8)
    classes = draw.choice([0, 1, 2, 255], (40, 60)).astype(np.uint8)
    return truth, classes, draw.choice([0.0, 0.3, 0.9, 0.99995, 1.0, *draw.random(9)], (40, 60))


def test_counts_are_those_of_pixels_that_reach_each_threshold(world):
    truth, classes, confidence = world
    picture = ConfidencePicture.of(classes, confidence, truth)
    known = truth < 254
    for level, threshold in enumerate(THRESHOLDS):
        accepted = confidence >= threshold
        right, wrong, new, void = (int(n) for n in picture.counts[:, level:].sum(axis=1))
        assert right == (accepted & known & (truth == classes)).sum()
        assert wrong == (accepted & known & (truth != classes)).sum()
        assert (new, void) == ((accepted & (truth == 254)).sum(), (accepted & (truth == 255)).sum())
        np.testing.assert_array_equal(picture.levels >= level, accepted)
    assert ConfidencePicture.of(classes, confidence, None).counts[:3].sum() == 0


def test_thresholds_ascend_from_0_and_hold_those_that_the_legend_names():
    assert list(THRESHOLDS) == sorted(set(THRESHOLDS))
    assert THRESHOLDS[0] == 0
    assert {0.5, 0.9, 0.99, 0.999} <= set(THRESHOLDS)


def test_what_is_written_is_read_and_equal_pictures_have_equal_bytes(world, tmp_path):
    truth, classes, confidence = world
    image = np.random.default_rng(1).integers(0, 255, (40, 60, 3), np.uint8)
    for truth_or_none in (truth, None):
        scene = ScenePicture.of(image, truth_or_none)
        scene.write(tmp_path / "scene.npz")
        found = ScenePicture.read(tmp_path / "scene.npz")
        assert (found.image, found.size) == (scene.image, (40, 60))
        assert (found.truth is None) if truth_or_none is None else np.array_equal(found.truth, truth)
    picture = ConfidencePicture.of(classes, confidence, truth)
    for name in ("a.npz", "b.npz"):
        picture.write(tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    found = ConfidencePicture.read(tmp_path / "a.npz")
    for name in ("classes", "levels", "counts"):
        np.testing.assert_array_equal(getattr(found, name), getattr(picture, name))


def test_a_large_image_is_made_smaller_and_its_counts_are_still_those_of_all_pixels():
    truth = np.zeros((700, 2 * SIDE), np.uint8)
    picture = ConfidencePicture.of(truth, np.ones(truth.shape), truth)
    assert picture.classes.shape == picture.levels.shape == (350, SIDE)
    assert picture.counts.sum() == picture.counts[0, -1] == truth.size
    scene = ScenePicture.of(np.zeros((*truth.shape, 3), np.uint8), truth)
    assert scene.size == truth.shape
    assert decoded(scene.image).shape == (*scene.truth.shape, 3) == (350, SIDE, 3)


def test_sizes_keep_their_ratio_and_a_map_takes_the_pixel_in_the_middle():
    assert fitted((10, 20), 20) == (10, 20)
    assert fitted((1, 5000), 10) == (1, 10)
    values = np.arange(36, dtype=np.uint8).reshape(6, 6)
    np.testing.assert_array_equal(smaller_map(values, (2, 2)), [[7, 10], [25, 28]])
    np.testing.assert_array_equal(smaller_map(values, (6, 6)), values)
    image = np.full((8, 8, 3), 77, np.uint8)
    assert smaller_image(image, (8, 8)) is image
    np.testing.assert_array_equal(smaller_image(image, (2, 4)), np.full((2, 4, 3), 77))
    assert encoded(image)[8:12] == b"WEBP"


def test_an_index_is_read_as_it_was_written_and_a_run_without_one_has_none(tmp_path):
    assert PictureIndex.read(tmp_path) is None
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "index.json").write_text(INDEX.to_json())
    assert PictureIndex.read(tmp_path) == INDEX


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"asked": 0},
        {"pictures": [{"model": "net"}]},
        {"pictures": [json.loads(INDEX.to_json())["pictures"][0] | {"scene": "../results.json"}]},
        {"classes": {"d": {"names": ["a"], "colors": [[0, 0, 256]], "own_palette": True}}},
    ],
)
def test_an_index_that_is_none_is_refused_with_what_to_do(tmp_path, change):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "index.json").write_text(json.dumps(json.loads(INDEX.to_json()) | change))
    with pytest.raises(DataError, match="not the index of pictures of a run; carry out the run with --pictures again"):
        PictureIndex.read(tmp_path)


def test_a_file_that_is_no_picture_is_refused_with_what_to_do(world, tmp_path):
    truth, classes, confidence = world
    picture, file = ConfidencePicture.of(classes, confidence, truth), tmp_path / FILE
    arrays = {"classes": picture.classes, "levels": picture.levels, "counts": picture.counts}
    damaged = [
        {},
        arrays | {"levels": picture.levels[:-1]},
        arrays | {"levels": np.full_like(picture.levels, len(THRESHOLDS))},
        arrays | {"levels": picture.levels.astype(np.int16)},
        arrays | {"counts": picture.counts[:3]},
        arrays | {"counts": -picture.counts},
        {k: np.zeros((SIDE + 1, 1), np.uint8) for k in ("classes", "levels")} | {"counts": picture.counts},
    ]
    for content in damaged:
        np.savez(file, **content)
        with pytest.raises(DataError, match="not a picture of a run; delete it and carry out the run with --pictures"):
            ConfidencePicture.read(file)
    file.write_bytes(b"PK\3\4 no zip")
    for kind in (ConfidencePicture, ScenePicture):
        with pytest.raises(DataError, match="not a picture of a run"):
            kind.read(file)
    with pytest.raises(DataError, match="cannot be read"):
        ScenePicture.read(tmp_path / "nowhere.npz")
    with pytest.raises(DataError, match="a picture of the run is damaged"):
        decoded(b"RIFF....WEBP")


def test_a_file_that_unpacks_to_more_than_any_picture_is_not_unpacked(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / FILE, classes=np.zeros(1 << 20, np.uint8))
    monkeypatch.setattr(pictures, "_FILE_LIMIT", 1 << 16)
    monkeypatch.setattr(np, "load", None)
    with pytest.raises(DataError, match="not a picture of a run"):
        ConfidencePicture.read(tmp_path / FILE)

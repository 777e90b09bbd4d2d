"""Exported files: what is in them, where they lie, and what cannot be asked for."""

from pathlib import Path

import numpy as np
import pytest
from helpers.plans import dataset_of, target_of
from helpers.worlds import space
from PIL import Image
from scipy.special import softmax

from reliseg.calibration.methods.ts import Scaled
from reliseg.data import DecodedSample
from reliseg.errors import ConfigError
from reliseg.kernels.maps import OTHER_ID
from reliseg.labels import Projection
from reliseg.prediction import Prediction
from reliseg.run.export import (
    KINDS,
    MARK,
    PredictionExport,
    SavedKind,
    color_image,
    label_and_confidence,
    mark_of,
    origin_of,
    sixteen_bits,
    write_png,
)
from reliseg.run.folder import RunFolder
from reliseg.run.predict.stream import PredictedSample

SIZE = (70, 5)
"""More rows than are computed at once."""


def prediction() -> Prediction:
    logits = np.random.default_rng(0).normal(0, 3, (4, *SIZE)).astype(np.float32)
    return Prediction(logits, SIZE, projection=Projection.of(space(4), space(3), (0, 1, 2, -1)))


def test_label_and_confidence_are_those_of_the_softmax_and_other_is_255() -> None:
    given = prediction()
    classes, confidence = label_and_confidence(given)
    probabilities = softmax(given.logits.astype(np.float64), axis=0)
    top = probabilities.argmax(axis=0)
    np.testing.assert_array_equal(classes, np.where(top == 3, OTHER_ID, top))
    np.testing.assert_allclose(confidence, probabilities.max(axis=0), rtol=1e-6)
    assert (classes == OTHER_ID).any()


def test_ids_outside_the_palette_are_black() -> None:
    colors = color_image(np.array([[0, 1, OTHER_ID]], np.uint8), ((9, 8, 7), (1, 2, 3)))
    assert colors.tolist() == [[[9, 8, 7], [1, 2, 3], [0, 0, 0]]]


def test_every_kind_is_a_file_beside_the_others(tmp_path: Path) -> None:
    dataset = dataset_of({"day": ["s/1"]})
    target = target_of(dataset, "day")
    image = np.zeros((*SIZE, 3), np.uint8)
    sample = PredictedSample(DecodedSample(target.domain.samples[0], SIZE, image, None, "", ""), prediction())
    PredictionExport.of(KINDS, RunFolder(tmp_path))("net", target, sample, {}, {})
    folder = tmp_path / "saved" / "net" / "world" / "day" / "s"
    assert {p.name for p in folder.iterdir()} == {"1.npz", "1_image.png", "1_pred.png", "1_conf.png", "1_color.png"}
    classes, confidence = label_and_confidence(sample.prediction)
    np.testing.assert_array_equal(np.asarray(Image.open(folder / "1_pred.png")), classes)
    np.testing.assert_allclose(np.asarray(Image.open(folder / "1_conf.png")) / 65535, confidence, atol=0.5 / 65535)
    one = PredictionExport.of(["image", "image"], RunFolder(tmp_path / "one"))
    assert one.kinds == (SavedKind("image"),)
    one("net", target, sample, {}, {})
    assert [p.name for p in (tmp_path / "one").rglob("*.*")] == ["1_image.png"]


def test_an_unknown_kind_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="--save: unknown kind 'colour'; did you mean 'color'"):
        PredictionExport.of(["colour"], RunFolder(Path("out")))


def test_a_picture_is_whole_or_not_there(tmp_path: Path) -> None:
    write_png(tmp_path / "a" / "deep.png", np.full((2, 3), 40_000, np.uint16))
    assert np.asarray(Image.open(tmp_path / "a" / "deep.png")).max() == 40_000
    with pytest.raises(TypeError):
        write_png(tmp_path / "b.png", np.zeros((2, 3, 7)))
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_files_of_a_calibration_lie_beside_those_without_and_show_what_it_gives(tmp_path: Path) -> None:
    target = target_of(dataset_of({"day": ["s/1"]}), "day")
    sample = PredictedSample(DecodedSample(target.domain.samples[0], SIZE, None, None, "", ""), prediction())
    name, ts = "ts@world/cal", Scaled(2.0)
    kinds = ["confidence", f"confidence@{name}", f"prediction@{name}", "confidence@identity"]
    export = PredictionExport.of(kinds, RunFolder(tmp_path), calibrations=[name])
    export("net", target, sample, {name: ts}, {})
    folder = tmp_path / "saved" / "net" / "world" / "day" / "s"
    assert {p.name for p in folder.iterdir()} == {
        "1_conf.png",
        "1_conf@ts@world-cal.png",
        "1_pred@ts@world-cal.png",
    }
    _, confidence = label_and_confidence(ts(sample.prediction))
    np.testing.assert_array_equal(np.asarray(Image.open(folder / "1_conf@ts@world-cal.png")), sixteen_bits(confidence))


def test_a_calibration_that_is_not_applied_to_a_domain_has_no_files_there(tmp_path: Path) -> None:
    target = target_of(dataset_of({"day": ["s/1"]}), "day")
    sample = PredictedSample(DecodedSample(target.domain.samples[0], SIZE, None, None, "", ""), prediction())
    export = PredictionExport.of(["color@ts@world/cal"], RunFolder(tmp_path), calibrations=["ts@world/cal"])
    export("net", target, sample, {}, {})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("confidence@ts@world/val", "no calibration 'ts@world/val' is applied; did you mean 'ts@world/cal'"),
        ("logits@ts@world/cal", "logits is the same under any calibration; write logits alone"),
    ],
)
def test_a_kind_of_a_calibration_that_cannot_be_is_refused(kind: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        PredictionExport.of([kind], RunFolder(Path("out")), calibrations=["ts@world/cal"])


def test_the_longest_ending_is_that_of_a_calibration() -> None:
    known = ["ts@world/cal", "vector@world/cal"]
    kinds = ["prediction", *(f"confidence@{name}" for name in known)]
    assert PredictionExport.of(kinds, RunFolder(Path("out")), calibrations=known).longest_ending == (
        "_conf@vector@world-cal.png"
    )
    assert PredictionExport.of(["color"], RunFolder(Path("out"))).longest_ending == ""


def test_a_map_has_a_mark_of_its_origin_and_pixels_and_none_where_its_origin_is_not_known(tmp_path: Path) -> None:
    target = target_of(dataset_of({"day": ["s/1"]}), "day")
    sample = PredictedSample(DecodedSample(target.domain.samples[0], SIZE, None, None, "abc", ""), prediction(), "def")
    name = "ts@world/cal"
    export = PredictionExport.of(["confidence", f"confidence@{name}"], RunFolder(tmp_path), calibrations=[name])
    export("net", target, sample, {name: Scaled(2.0)}, {name: "a source"})
    folder = tmp_path / "saved" / "net" / "world" / "day" / "s"
    with Image.open(folder / "1_conf.png") as picture:
        assert MARK not in picture.info
    with Image.open(folder / "1_conf@ts@world-cal.png") as picture:
        origin = origin_of("a source", sample.loaded.sample, "abc", "def")
        assert picture.info[MARK] == mark_of(origin, np.asarray(picture))
    pixels = np.zeros((2, 3), np.uint16)
    others = [mark_of("a", pixels), mark_of("b", pixels), mark_of("a", pixels + np.uint16(1)), mark_of("a", pixels.T)]
    assert len({*others, mark_of("a", pixels.astype(np.uint8))}) == 5

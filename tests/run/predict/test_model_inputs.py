"""What a model is given of a data set that resizes its images, and what becomes of its prediction."""

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from helpers.plans import SilentModel, dataset_of, target_of
from helpers.street import Street, make_street
from torch.nn.functional import interpolate

import reliseg
from reliseg.data import DecodedSample
from reliseg.errors import MissingExtraError, ModelError
from reliseg.kernels.reference_rows import mean_probability
from reliseg.kernels.rows.masks import MaskRows, NetworkInput
from reliseg.kernels.rows.resized import Resized
from reliseg.labels import label_space
from reliseg.models import FitWithin
from reliseg.models.inference.composing import at_image, mean_prediction, rows_of
from reliseg.models.inference.resizing import target_size
from reliseg.prediction import Prediction
from reliseg.results import Results
from reliseg.run.predict.identity import parts_of_predictions
from reliseg.run.predict.model_facts import ModelFacts
from reliseg.run.predict.model_inputs import check_size_of, model_input, prediction_of_image, size_of_input

IMAGE = np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8)


class StoredModel(SilentModel):
    reads_images = False


class ResizingModel(SilentModel):
    resizes = True


@pytest.fixture
def dataset():
    return dataset_of({"day": ["a/1"]})


def loaded_of(dataset):
    sample = dataset.domains["day"].samples[0]
    return DecodedSample(sample, IMAGE.shape[:2], IMAGE, None, "", "")


def test_the_image_comes_as_it_is_unless_the_data_set_says_a_size(dataset):
    plain = model_input(SilentModel(), dataset, loaded_of(dataset))
    assert plain.size == (12, 20)
    assert plain.image is IMAGE
    resized = model_input(SilentModel(), replace(dataset, resize=(6, 10)), loaded_of(dataset))
    assert resized.size == (6, 10)
    np.testing.assert_array_equal(resized.image, cv2.resize(IMAGE, (10, 6), interpolation=cv2.INTER_LINEAR))


@pytest.mark.parametrize(
    ("long", "short", "size"), [(10, 10, (6, 10)), (40, 6, (6, 10)), (41, 25, (25, 41)), (20, 12, (12, 20))]
)
def test_the_ratio_is_kept_to_fit_both_sides(dataset, long, short, size):
    resized = model_input(SilentModel(), replace(dataset, resize={"long": long, "short": short}), loaded_of(dataset))
    assert resized.size == size == resized.image.shape[:2]


def test_the_study_s_frames_become_the_sizes_of_its_scripts():
    for image, fitted, one_more in (
        ((1024, 2048), (1024, 2048), (1025, 2049)),
        ((1080, 1920), (1024, 1820), (1025, 1822)),
        ((720, 1280), (1024, 1820), (1025, 1822)),
    ):
        assert target_size(FitWithin(long=2048, short=1024), image) == fitted
        assert target_size(FitWithin(long=2049, short=1025), image) == one_more


def test_the_size_of_an_input_is_that_of_the_image_that_a_model_gets(dataset):
    for model, resize in (
        (SilentModel(), (6, 10)),
        (SilentModel(), {"long": 10, "short": 9}),
        (ResizingModel(), (6, 10)),
    ):
        sized = replace(dataset, resize=resize)
        assert size_of_input(model, sized, IMAGE.shape[:2]) == model_input(model, sized, loaded_of(sized)).size
    assert size_of_input(SilentModel(), dataset, (7, 9)) == (7, 9)


def test_a_model_with_a_size_of_its_own_gets_images_as_they_are(dataset):
    given = model_input(ResizingModel(), replace(dataset, resize=(6, 10)), loaded_of(dataset))
    assert given.image is IMAGE
    sets = dataset, replace(dataset, resize=(6, 10))
    plain, sized = (parts_of_predictions(ModelFacts.of(ResizingModel()), [target_of(d, "day")], 1) for d in sets)
    assert plain == sized


def test_stored_predictions_are_those_of_the_image_whatever_the_size(dataset):
    given = model_input(StoredModel(), replace(dataset, resize=(6, 10)), loaded_of(dataset))
    assert given.size == (12, 20)


def test_a_prediction_at_another_size_is_interpolated_once_from_its_own_stride():
    logits = np.random.default_rng(1).normal(0, 1, (3, 3, 5)).astype(np.float32)
    small = Prediction(logits, (6, 10), align_corners=True, feature=np.ones(4, np.float32))
    whole = prediction_of_image(small, (12, 20))
    assert whole.size == (12, 20)
    assert whole.logits is logits
    assert whole.align_corners
    assert whole.feature is small.feature
    assert prediction_of_image(small, (6, 10)) is small


def test_probabilities_are_interpolated_once_too():
    p = np.random.default_rng(1).dirichlet(np.ones(3), (3, 5)).transpose(2, 0, 1).astype(np.float32)
    small = Prediction.of_probabilities(p, (6, 10), align_corners=True)
    whole, wanted = prediction_of_image(small, (12, 20)), Prediction.of_probabilities(p, (12, 20), align_corners=True)
    np.testing.assert_array_equal(whole.logits, wanted.logits)
    assert whole.size == (12, 20)


def test_scores_of_several_predictions_are_those_of_the_maps_at_the_size_of_the_image():
    logits = [np.random.default_rng(i).normal(0, 3, (3, 6, 10)).astype(np.float32) for i in range(2)]
    small = mean_prediction([Resized(z, (6, 10)) for z in logits], (6, 10), None)
    whole = prediction_of_image(small, (12, 20))
    up = torch.from_numpy(np.stack(logits)).double()
    p = interpolate(up, (12, 20), mode="bilinear").softmax(1).numpy()
    mean = p.mean(0)
    expected = (p * np.log(p)).sum(axis=1).mean(axis=0)
    given = {name: score(slice(2, 12)) for name, score in whole.score_maps.items()}
    np.testing.assert_allclose(given["neg_expected_entropy"], expected[2:], atol=1e-5)
    information = (mean * np.log(mean)).sum(axis=0) - expected
    np.testing.assert_allclose(given["neg_mutual_information"], -abs(information[2:]), atol=1e-5)


@pytest.mark.parametrize("values", ["logits", "probabilities"])
def test_several_predictions_at_another_size_are_the_mean_of_each_alone(values):
    """Each is interpolated once from its own stride, as it would be without the others."""
    generator = np.random.default_rng(0)
    members = []
    for shape, align in (((3, 3, 5), True), ((3, 12, 20), False)):
        z = torch.from_numpy(generator.normal(0, 4, shape).astype(np.float32))
        if values == "logits":
            members.append(Prediction(z.numpy(), (6, 10), align))
        else:
            members.append(Prediction.of_probabilities(z.softmax(0).numpy(), (6, 10), align))
    mean = prediction_of_image(mean_prediction([rows_of(m) for m in members], (6, 10), None), (12, 20))
    alone = [np.asarray(rows_of(prediction_of_image(m, (12, 20))), np.float64) for m in members]
    np.testing.assert_allclose(np.exp(np.asarray(mean.logits)), mean_probability(alone), atol=1e-5)
    native = members[1].logits if values == "logits" else np.log(members[1].probabilities)
    np.testing.assert_allclose(alone[1], native, atol=1e-5)


@pytest.mark.parametrize("order", ["input", "image", "native"])
def test_scores_of_masks_are_those_of_the_class_maps_at_the_size_of_the_image(order):
    generator = np.random.default_rng(0)
    classes, masks = generator.normal(0, 2, (5, 4)), generator.normal(0, 3, (5, 4, 6))
    maps = MaskRows.of(classes, masks, order, NetworkInput((8, 12), (6, 10)))
    small = at_image(Prediction(maps, (6, 10)), (6, 10), (6, 10), through_input=False)
    whole = prediction_of_image(small, (12, 20))
    s = np.asarray(maps.with_no_object().brought_to((12, 20)), np.float64)
    np.testing.assert_allclose(whole.score_maps["rba"](slice(1, 12)), np.tanh(s[:3]).sum(axis=0)[1:], atol=1e-5)
    share = s[:3].sum(axis=0) / s.sum(axis=0)
    np.testing.assert_allclose(whole.score_maps["no_object"](slice(1, 12)), share[1:], atol=1e-5)
    again = prediction_of_image(whole, (9, 9)).score_maps["rba"](slice(None))
    assert again.shape == (9, 9)


def test_the_size_belongs_to_what_determines_predictions_where_it_is_used(dataset):
    sizes = [dataset, replace(dataset, resize=(6, 10)), replace(dataset, resize=(6, 12))]
    parts = [parts_of_predictions(ModelFacts.of(SilentModel()), [target_of(d, "day")], 1) for d in sizes]
    assert "size of the images" not in parts[0]
    assert parts[1]["size of the images"] != parts[2]["size of the images"]
    stored = [parts_of_predictions(ModelFacts.of(StoredModel()), [target_of(d, "day")], 1) for d in sizes]
    assert stored[0] == stored[1]


def test_a_run_resizes_the_images_of_one_data_set_alone(tmp_path: Path):
    """A model that answers with the size of what it sees, on two data sets of the same images."""
    street = make_street(tmp_path, cal=1, day=2, dusk=2)
    (tmp_path / "size.py").write_text(
        "import numpy as np\n"
        "def build():\n"
        "    def predict(image):\n"
        "        logits = np.zeros((11, *image.shape[:2]), np.float32)\n"
        "        logits[image.shape[0] % 11] = 5\n"
        "        return logits\n"
        "    return predict\n"
    )
    content = street.content()
    first = content["datasets"][0]
    content["models"] = [{"name": "net", "kind": "python", "where": "size.py:build", "labels": "camvid"}]
    content["datasets"] = [first, {**first, "name": "small", "resize": [14, 20]}]
    content["calibration"] = []
    content["test"] = {"on": ["street/day", "small/day"]}
    street.write(content)
    reliseg.run_config(street.config, tmp_path / "out")
    results = Results.read(tmp_path / "out" / "results.json")
    classes = label_space("camvid").classes
    for name, height in (("street", 24), ("small", 14)):
        hit = [r.class_ for r in results.where(dataset=name, metric="iou") if r.value > 0]
        assert hit == [classes[height % 11]]
    assert Street(tmp_path).content()["datasets"][1]["resize"] == [14, 20]


def test_a_size_of_a_data_set_needs_the_library_that_resizes_its_images(dataset, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    check_size_of(SilentModel(), replace(dataset, resize=None))
    with pytest.raises(MissingExtraError, match=r"^resize of data set \w+ needs cv2: pip install 'reliseg\[opencv\]'$"):
        check_size_of(SilentModel(), replace(dataset, resize=(14, 20)))
    check_size_of(ResizingModel(), replace(dataset, resize=(14, 20)))


def test_scores_that_cannot_be_brought_to_the_image_are_refused_and_not_left_out() -> None:
    logits = np.zeros((2, 3, 4), np.float32)
    given = Prediction(logits, (6, 8), score_maps={"rba": lambda rows: np.zeros((1, 8), np.float32)})
    assert prediction_of_image(given, (6, 8)) is given
    with pytest.raises(ModelError, match=r"^gives scores of an image at another size; leave out resize"):
        prediction_of_image(given, (12, 16))

"""A predictor: one image or many, streaming, batches, and what goes wrong on the way."""

import json
import weakref
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.deployed import logits_of_colors, predictor_in_memory
from helpers.worlds import space

import reliseg
from reliseg.calibration.fitting.clusters import Centres
from reliseg.calibration.methods.cluster_ts import ScaledByCluster
from reliseg.calibration.methods.ts import Scaled
from reliseg.deploy.acceptance import Acceptance
from reliseg.deploy.result import CalibratedImage
from reliseg.errors import ConfigError, ModelError, SampleError


def image(number: int, size=(12, 16)) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (*size, 3), np.uint8)


@pytest.fixture
def predictor():
    return predictor_in_memory()


def test_one_image_is_one_result_and_several_are_a_list(predictor):
    one = predictor(image(0))
    assert isinstance(one, CalibratedImage)
    several = predictor([image(0), image(1)])
    assert isinstance(several, list)
    for result, number in zip(several, (0, 1), strict=True):
        np.testing.assert_array_equal(result.confidence, predictor(image(number)).confidence)
    batch = predictor(torch.tensor(np.stack([image(0), image(1)])).permute(0, 3, 1, 2))
    np.testing.assert_array_equal(batch[1].classes, several[1].classes)
    assert predictor([]) == []


def test_images_of_many_sizes_keep_their_order(predictor):
    sizes = [(12, 16), (12, 16), (1, 9), (20, 6), (12, 16)]
    results = replace(predictor, batch=3)([image(i, size) for i, size in enumerate(sizes)])
    assert [r.size for r in results] == sizes
    assert [r.name for r in results] == ["1", "2", "3", "4", "5"]
    for i, result in enumerate(results):
        np.testing.assert_array_equal(result.confidence, predictor(image(i, sizes[i])).confidence)


def test_a_generator_is_read_a_few_images_ahead_and_no_further(predictor):
    taken = []

    def images() -> Iterator[np.ndarray]:
        for number in range(100):
            taken.append(number)
            yield image(number)

    results = predictor(images())
    for _ in range(3):
        next(results)
    results.close()
    assert len(taken) < 12


def test_results_of_a_generator_are_held_by_nobody_but_the_caller(predictor):
    alive: list[weakref.ref] = []
    most = 0
    for result in predictor(image(number) for number in range(30)):
        alive.append(weakref.ref(result.prediction))
        del result
        most = max(most, sum(ref() is not None for ref in alive))
    assert len(alive) == 30
    assert most <= 1


def test_neighbours_of_one_size_are_shown_to_the_model_together(predictor):
    seen = []
    predict = predictor.model.predict

    class Counting(type(predictor.model)):
        def predict(self, inputs):
            seen.append(len(inputs))
            return predict(inputs)

    counting = replace(predictor, batch=2)
    object.__setattr__(counting, "model", Counting(**vars(predictor.model)))
    counting([image(i) for i in range(5)])
    assert seen == [2, 2, 1]


def test_the_first_bad_image_of_several_is_named(predictor, tmp_path):
    with pytest.raises(ConfigError, match="image 2 is grey"):
        predictor([image(0), image(1)[..., 0]])
    with pytest.raises(SampleError, match=r"lost\.png"):
        predictor([image(0), tmp_path / "lost.png"])


def test_an_image_of_one_row_is_predicted_or_refused_in_one_line():
    result = predictor_in_memory()(image(0, (1, 16)))
    assert result.confidence.shape == (1, 16)

    def fails(pixels):
        if len(pixels) < 2:
            raise RuntimeError("kernel size can't be greater than actual input size")
        return logits_of_colors(pixels)

    network = reliseg.open_model(fails, labels="camvid")
    with pytest.raises(SampleError, match=r"^1: model model raised .*\(image: height 1, width 16\)$"):
        replace(predictor_in_memory(), model=network)(image(0, (1, 16)))


def test_a_missing_feature_is_one_line_that_names_the_image():
    clusters = ScaledByCluster(Centres(np.eye(2)), np.array([[1.0], [2.0]]), soft=False)
    with pytest.raises(SampleError, match=r"^1: cluster_ts needs a feature of each image, and the prediction has none"):
        predictor_in_memory(clusters)(image(0))


def test_facts_say_what_was_done_and_differ_where_something_else_is():
    facts = predictor_in_memory().facts()
    assert json.loads(json.dumps(facts))["calibration"]["name"] == "ts"
    assert facts["acceptance"]["split"] == "street/cal"
    others = [predictor_in_memory(Scaled(3.0)), predictor_in_memory(acceptance=Acceptance("msp", 7, "street/cal"))]
    for other in others:
        assert other.facts() | {"model": 0} != facts | {"model": 0}


def test_a_projection_that_nobody_knows_is_refused(predictor):
    stranger = predictor_in_memory(labels=space(3))
    with pytest.raises(ConfigError, match="no projection from the model's classes"):
        stranger(image(0))
    assert predictor.classes[0] == "sky"


def test_a_head_brings_logits_to_the_image_as_the_model_says():
    for aligned in (False, True):
        model = reliseg.open_model(logits_of_colors, labels="camvid", align_corners=aligned)
        predictor = replace(predictor_in_memory(), model=model)
        output = predictor.head()(torch.tensor(logits_of_colors(image(0)))[None], size=(12, 16))
        np.testing.assert_allclose(output.confidence[0], predictor(image(0)).confidence, atol=1e-5)


def test_a_model_that_predicts_nothing_has_no_head(predictor):
    class Failing(type(predictor.model)):
        def predict(self, inputs):
            raise SampleError(inputs[0].id, "out of order")

    broken = replace(predictor, model=Failing(**vars(predictor.model)))
    with pytest.raises(ModelError, match="model net: out of order"):
        broken.head()

"""Temperatures of classes, images and pixels in torch are those that are counted."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.heads import assert_agrees, head_of, output_of, prediction_with
from helpers.worlds import space

from reliseg.calibration.fitting.clusters import Centres, Mixture
from reliseg.calibration.methods.class_ts import ScaledByClass
from reliseg.calibration.methods.cluster_ts import ScaledByCluster
from reliseg.calibration.methods.lts import ScaledLocally
from reliseg.calibration.methods.selective import ScaledSelectively
from reliseg.errors import CalibrationError

GROUPS = {"groups": (0, 1, 1, 2, -1, 0), "classes": 6, "target": space(4)}


def numbers(seed, *shape):
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def local(logits: int, images: int, live=(0, 1, 2, 3), columns=5) -> ScaledLocally:
    return ScaledLocally(
        temperature=1.3,
        columns=columns,
        live=live,
        logit_weights=numbers(1, logits, len(live), 5, 5) / 20,
        logit_bias=numbers(2, logits),
        image_weights=numbers(3, images, 3, 5, 5) / 5,
        image_bias=numbers(4, images),
        held_out=(1.0, 0.9),
        images=3,
    )


def test_each_class_has_its_temperature():
    assert_agrees(ScaledByClass((0.5, 1.0, 2.0, 4.0, 8.0)))
    assert_agrees(ScaledByClass((0.5, 1.0, 2.0, 4.0, 8.0)), prediction_with(1, **GROUPS))


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("per_class", [False, True])
@pytest.mark.parametrize("kind", ["l2", "max", "mixture"])
def test_each_image_has_the_temperature_of_its_cluster(kind, per_class, soft):
    g = np.random.default_rng(0)
    centres = g.uniform(0, 1, (3, 5))
    factors = np.stack([np.triu(g.uniform(0.5, 2, (5, 5))) for _ in range(3)])
    clusters = Mixture(np.array([0.2, 0.3, 0.5]), centres, factors) if kind == "mixture" else Centres(centres, kind)
    temperatures = g.uniform(0.5, 4, (3, 5 if per_class else 1))
    for seed in range(4):
        assert_agrees(ScaledByCluster(clusters, temperatures, soft), prediction_with(seed))
    assert_agrees(ScaledByCluster(clusters, temperatures, soft), prediction_with(9, **GROUPS))


@pytest.mark.parametrize("channels", [(8, 1), (7, 0), (0, 1)], ids=["both", "logits", "image"])
@pytest.mark.parametrize("size", [(18, 26), (1, 20), (3, 2)])
def test_each_pixel_has_the_temperature_of_its_surroundings(channels, size):
    assert_agrees(local(*channels), prediction_with(5, size=size))


def test_local_temperatures_of_projected_classes():
    assert_agrees(local(8, 1, live=(0, 1, 2, 4)), prediction_with(6, **GROUPS))


def test_without_weights_every_pixel_has_the_one_temperature():
    assert_agrees(local(0, 0))


def test_pixels_that_a_classifier_calls_wrong_have_their_own_temperature():
    selective = ScaledSelectively(
        wrong=3.0,
        right=0.8,
        columns=5,
        live=(0, 1, 2, 3),
        centre=numbers(1, 7),
        scale=np.abs(numbers(2, 7)) + 0.5,
        hidden=numbers(3, 6, 8),
        last=numbers(4, 7),
        called=0.1,
        errors=0.5,
    )
    prediction = prediction_with(7)
    assert len(np.unique(selective(prediction).pixel_factors)) == 2
    assert_agrees(selective, prediction)


def test_what_a_method_lacks_is_said_with_the_argument_that_gives_it():
    clusters = ScaledByCluster(Centres(np.eye(2, 5)), np.array([[1.0], [2.0]]), soft=False)
    bare = replace(prediction_with(), feature=None, image=None)
    with pytest.raises(CalibrationError, match=r"needs the feature of each image; call the head with feature="):
        output_of(head_of(clusters, bare), bare)
    with pytest.raises(CalibrationError, match="must be 5 numbers for each of 1 images, and is of 1 x 3"):
        head_of(clusters, bare)(torch.zeros(1, 4, 2, 2), feature=torch.zeros(1, 3))
    with pytest.raises(CalibrationError, match=r"lts reads the image, at the size of the result; call the head with"):
        output_of(head_of(local(8, 1), bare), bare)


@pytest.mark.parametrize("image", [torch.zeros(1, 1, 2, 2, dtype=torch.uint8), torch.zeros(1, 3, 2, 2)])
def test_images_that_are_no_8_bit_rgb_are_refused(image):
    bare = prediction_with(size=(2, 2))
    with pytest.raises(
        CalibrationError, match="lts reads 8-bit RGB, images x 3 x height x width of uint8, and was given"
    ):
        head_of(local(8, 1), bare)(torch.zeros(1, 4, 2, 2), image=image)


@pytest.mark.parametrize("channels", [(8, 1), (7, 0)])
def test_images_of_one_row_have_local_temperatures_too(channels):
    assert_agrees(local(*channels), prediction_with(5, native=(1, 7), size=(1, 26)))

"""mIoU of single images, in plain loops."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.metric_values import values_of
from helpers.worlds import WORLDS, world

from reliseg.metrics.families.image_error import ImageError
from reliseg.metrics.families.image_iou import ImageIou

EXACT = 1e-12
"""Ratios of counts, and means of a few of them."""

every_world = pytest.mark.parametrize("each", WORLDS.values(), ids=WORLDS)


def image_ious(each):
    """mIoU of each image over the classes of its own truth, in plain loops."""
    values = []
    for i in np.unique(each.image):
        chosen = each.known & (each.image == i)
        truth, guess = each.truth[chosen], each.guess[chosen]
        ious = [((truth == c) & (guess == c)).sum() / ((truth == c) | (guess == c)).sum() for c in set(truth.tolist())]
        if ious:
            values.append(sum(ious) / len(ious))
    return values


@every_world
def test_image_miou_is_over_the_classes_of_each_image(each):
    expected = image_ious(each)
    value = values_of(ImageIou(), each)["image_miou", ""]
    assert value.value == pytest.approx(sum(expected) / len(expected), abs=EXACT)


@pytest.mark.parametrize("images", [1, 9, 10, 11, 19, 20, 21, 40, 41])
def test_worst_images_are_the_lowest_and_at_least_one_is_meant(images):
    each = world(images, classes=3, pixels=12 * images, images=images, scores=("msp",), void=0, unknown=0)
    values = sorted(image_ious(each))
    assert len(values) == images
    numbers = values_of(ImageIou(), each)
    for q, least in ((5, 20), (10, 10)):
        value = numbers[f"worst{q}_miou", ""]
        if images < least:
            assert np.isnan(value.value)
            assert str(least) in value.why
        else:
            k = -(-q * images // 100)
            assert value.value == pytest.approx(sum(values[:k]) / k, abs=EXACT)


def test_images_without_known_pixels_are_left_out():
    each = world(11, images=5, scores=("msp",))
    truth = np.where(each.image == 2, 255, each.truth)
    hidden = type(each)(each.classes, each.groups, each.logits, truth.astype(np.uint8), each.image, each.scores)
    for metric in (ImageIou(), ImageError()):
        before = values_of(metric, each.only(each.image != 2))
        assert repr(values_of(metric, hidden)) == repr(before)  # nan is not nan


class Scenes:
    """Which scene each image is of."""

    def __init__(self, of_image):
        self.of_image = of_image

    def __len__(self):
        return int(self.of_image.max()) + 1

    def sums(self, values):
        there = ~np.isnan(values)
        scenes = self.of_image[there]
        return np.bincount(scenes, values[there], len(self)), np.bincount(scenes, minlength=len(self)).astype(float)


@pytest.mark.parametrize("seed", range(20))
def test_without_a_scene_the_worst_are_those_of_all_other_images(seed):
    g = np.random.default_rng(seed)
    images, scenes = int(g.integers(12, 80)), int(g.integers(2, 9))
    of_image = np.concatenate([np.arange(scenes), np.minimum(g.geometric(0.4, images - scenes) - 1, scenes - 1)])
    miou = np.where(g.random(images) < 0.1, np.nan, g.random(images) ** 2)
    domain = SimpleNamespace(images=SimpleNamespace(miou=miou), units=Scenes(of_image))
    found = {r.metric: r for r in ImageIou().replicates(domain, None)}
    for q in (5, 10):
        for scene, left in enumerate(found[f"worst{q}_miou"].lefts[0]):
            values = sorted(miou[(of_image != scene) & ~np.isnan(miou)])
            worst = values[: math.ceil(q * len(values) / 100)]
            expected = sum(worst) / len(worst) if len(values) >= 100 // q else math.nan
            assert left == pytest.approx(expected, abs=EXACT, nan_ok=True)

"""Segmentation quality against scikit-learn, torchmetrics and sets of pixels."""

import math

import numpy as np
import pytest
import torch
from helpers import textbook
from helpers.worlds import WORLDS, of_pixels, world
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix
from torchmetrics.classification import MulticlassF1Score, MulticlassJaccardIndex

from reliseg.metrics.families.drop import Drop
from reliseg.metrics.families.image_error import ImageError
from reliseg.metrics.families.image_iou import ImageIou
from reliseg.metrics.families.segmentation import Segmentation

EXACT = 1e-12
"""Ratios of counts, and means of a few of them."""

every_world = pytest.mark.parametrize("each", WORLDS.values(), ids=WORLDS)
whole_worlds = pytest.mark.parametrize("key", ["plain", "poor", "two classes", "ties", "unsure"])
"""Those without `other` and absent classes, which other packages do not know."""


def measured(metric, domain):
    return {(v.metric, v.label): v for v in metric.compute(domain, None)}


def known(each):
    return each.truth[each.known].astype(int), each.guess[each.known]


@every_world
def test_confusion_is_scikit_learns(each):
    truth, guess = known(each)
    expected = confusion_matrix(truth, guess, labels=range(each.classes + 1))
    np.testing.assert_array_equal(each.domain().pixels.top.confusion, expected[:-1])


@every_world
def test_every_number_is_its_definition_on_sets_of_pixels(each):
    truth, guess = known(each)
    found = measured(Segmentation(), each.domain())
    present = [c for c in range(each.classes) if c not in each.absent]
    ious, recalls, dices, weighted = [], [], [], 0.0
    for c in present:
        is_c, as_c = set(np.flatnonzero(truth == c)), set(np.flatnonzero(guess == c))
        share = found["class_share", f"class-{c}"]
        assert share.value == pytest.approx(len(is_c) / len(truth), abs=EXACT)
        value = found["iou", f"class-{c}"]
        if is_c | as_c:
            ious.append(len(is_c & as_c) / len(is_c | as_c))
            dices.append(2 * len(is_c & as_c) / (len(is_c) + len(as_c)))
            weighted += ious[-1] * len(is_c) / len(truth)
            assert value.value == pytest.approx(ious[-1], abs=EXACT)
        else:
            assert np.isnan(value.value)
            assert value.why == "the class neither occurs nor is predicted"
        if is_c:
            recalls.append(len(is_c & as_c) / len(is_c))
    expected = {
        "miou": np.mean(ious),
        "pixel_accuracy": np.mean(truth == guess),
        "mean_class_accuracy": np.mean(recalls),
        "fw_iou": weighted,
        "dice": np.mean(dices),
    }
    for name, number in expected.items():
        assert found[name, ""].value == pytest.approx(number, abs=EXACT), name
    assert {label for _, label in found} == {"", *(f"class-{c}" for c in present)}


@whole_worlds
def test_torchmetrics_and_scikit_learn_agree(key):
    each = WORLDS[key]
    truth, guess = known(each)
    found = measured(Segmentation(), each.domain())
    pair = torch.from_numpy(guess), torch.from_numpy(truth)
    iou = MulticlassJaccardIndex(each.classes, average="none")(*pair)
    per_class = [found["iou", f"class-{c}"].value for c in range(each.classes)]
    assert per_class == pytest.approx(iou.tolist(), abs=1e-6)  # torchmetrics divides in float32
    macro = float(MulticlassJaccardIndex(each.classes, average="macro")(*pair))
    assert found["miou", ""].value == pytest.approx(macro, abs=1e-6)
    weighted = float(MulticlassJaccardIndex(each.classes, average="weighted")(*pair))
    assert found["fw_iou", ""].value == pytest.approx(weighted, abs=1e-6)
    assert found["dice", ""].value == pytest.approx(float(MulticlassF1Score(each.classes)(*pair)), abs=1e-6)
    assert found["pixel_accuracy", ""].value == pytest.approx(accuracy_score(truth, guess), abs=EXACT)
    recall = balanced_accuracy_score(truth, guess)
    assert found["mean_class_accuracy", ""].value == pytest.approx(recall, abs=EXACT)


def one_hot(guess, classes):
    return 5.0 * np.eye(classes)[np.asarray(guess)].T


def test_known_values():
    """Class 0: 2 of 3 found and one false: 2/4. Class 1: 1 of 2: 1/3. Class 2: nothing at all."""
    each = of_pixels(one_hot([0, 0, 1, 1, 0], 3), [0, 0, 0, 1, 1])
    found = measured(Segmentation(), each.domain())
    assert found["iou", "class-0"].value == 2 / 4
    assert found["iou", "class-1"].value == 1 / 3
    assert np.isnan(found["iou", "class-2"].value)
    assert found["class_share", "class-2"].value == 0
    assert found["miou", ""].value == pytest.approx((2 / 4 + 1 / 3) / 2)
    assert found["fw_iou", ""].value == pytest.approx(2 / 4 * 3 / 5 + 1 / 3 * 2 / 5)
    assert found["dice", ""].value == pytest.approx((4 / 6 + 2 / 4) / 2)


def test_a_prediction_of_an_absent_class_is_wrong_and_has_no_iou():
    each = of_pixels(one_hot([0, 2, 1], 3), [0, 0, 1])
    idd = type(each)(3, each.groups, each.logits, each.truth, each.image, each.scores, absent=(2,))
    found = measured(Segmentation(), idd.domain())
    assert found["pixel_accuracy", ""].value == pytest.approx(2 / 3)
    assert found["iou", "class-0"].value == 1 / 2
    assert found["miou", ""].value == pytest.approx(3 / 4)
    assert ("iou", "class-2") not in found
    as_if_present = measured(Segmentation(), each.domain())
    assert as_if_present["miou", ""].value == pytest.approx((1 / 2 + 1 + 0) / 3)


def test_a_prediction_of_other_is_wrong():
    """Model class 2 goes to `other`, the column of number 2."""
    each = of_pixels(one_hot([0, 2, 1], 3), [0, 0, 1])
    projected = type(each)(2, (0, 1, 2), each.logits, each.truth, each.image, each.scores)
    found = measured(Segmentation(), projected.domain())
    assert projected.domain().pixels.top.confusion.tolist() == [[1, 0, 1], [0, 1, 0]]
    assert found["miou", ""].value == pytest.approx((1 / 2 + 1) / 2)
    assert found["pixel_accuracy", ""].value == pytest.approx(2 / 3)


def image_ious(each):
    """mIoU of each image over the classes of its own truth, in plain loops."""
    values = []
    for i in np.unique(each.image):
        chosen = each.known & (each.image == i)
        truth, guess = each.truth[chosen], each.guess[chosen]
        found = [((truth == c) & (guess == c)).sum() / ((truth == c) | (guess == c)).sum() for c in set(truth.tolist())]
        if found:
            values.append(sum(found) / len(found))
    return values


@every_world
def test_image_miou_is_over_the_classes_of_each_image(each):
    expected = image_ious(each)
    found = measured(ImageIou(), each.domain())["image_miou", ""]
    assert found.value == pytest.approx(sum(expected) / len(expected), abs=EXACT)


@pytest.mark.parametrize("images", [1, 9, 10, 11, 19, 20, 21, 40, 41])
def test_worst_images_are_the_lowest_and_at_least_one_is_meant(images):
    each = world(images, classes=3, pixels=12 * images, images=images, scores=("msp",), void=0, unknown=0)
    values = sorted(image_ious(each))
    assert len(values) == images
    found = measured(ImageIou(), each.domain())
    for q, least in ((5, 20), (10, 10)):
        value = found[f"worst{q}_miou", ""]
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
        before = measured(metric, each.only(each.image != 2).domain())
        assert repr(measured(metric, hidden.domain())) == repr(before)  # nan is not nan


@every_world
def test_image_ece_is_the_mean_over_images(each):
    msp, values = each.confidence("msp"), []
    for i in np.unique(each.image):
        chosen = each.known & (each.image == i)
        if chosen.any():
            values.append(textbook.ece(msp[chosen], each.right[chosen]))
    found = measured(ImageError(), each.domain())["image_ece", ""]
    # each pixel's confidence is rounded to units of 2**-24
    assert found.value == pytest.approx(math.fsum(values) / len(values), abs=6e-8)


def test_drop_is_positive_where_the_domain_is_worse():
    good, poor = world(1, noise=0.1, scores=("msp",)).domain(), world(1, noise=30.0, scores=("msp",)).domain()
    drop = {v.metric: v for v in Drop().compute(poor, good)}
    assert drop["drop_miou"].value > 0.2
    assert drop["drop_ece"].value > 0.2
    other_way = {v.metric: v for v in Drop().compute(good, poor)}
    assert {m: -v.value for m, v in drop.items()} == {m: v.value for m, v in other_way.items()}
    assert Drop().compute(poor, None) == []
    both = [measured(Segmentation(), d)["miou", ""].value for d in (good, poor)]
    assert drop["drop_miou"].value == both[0] - both[1]

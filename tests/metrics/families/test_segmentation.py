"""Segmentation quality against scikit-learn, torchmetrics and sets of pixels."""

import numpy as np
import pytest
import torch
from helpers.metric_values import values_of
from helpers.worlds import WORLDS, of_pixels
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix
from torchmetrics.classification import MulticlassF1Score, MulticlassJaccardIndex

from reliseg.metrics.families.segmentation import Segmentation

EXACT = 1e-12
"""Ratios of counts, and means of a few of them."""

every_world = pytest.mark.parametrize("each", WORLDS.values(), ids=WORLDS)
whole_worlds = pytest.mark.parametrize("key", ["plain", "poor", "two classes", "ties", "unsure"])
"""Those without `other` and absent classes, which other packages do not know."""


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
    values = values_of(Segmentation(), each)
    present = [c for c in range(each.classes) if c not in each.absent]
    ious, recalls, dices, weighted = [], [], [], 0.0
    for c in present:
        is_c, as_c = set(np.flatnonzero(truth == c)), set(np.flatnonzero(guess == c))
        share = values["class_share", f"class-{c}"]
        assert share.value == pytest.approx(len(is_c) / len(truth), abs=EXACT)
        value = values["iou", f"class-{c}"]
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
        assert values[name, ""].value == pytest.approx(number, abs=EXACT), name
    assert {label for _, label in values} == {"", *(f"class-{c}" for c in present)}


@whole_worlds
def test_torchmetrics_and_scikit_learn_agree(key):
    each = WORLDS[key]
    truth, guess = known(each)
    values = values_of(Segmentation(), each)
    pair = torch.from_numpy(guess), torch.from_numpy(truth)
    iou = MulticlassJaccardIndex(each.classes, average="none")(*pair)
    per_class = [values["iou", f"class-{c}"].value for c in range(each.classes)]
    assert per_class == pytest.approx(iou.tolist(), abs=1e-6)  # torchmetrics divides in float32
    macro = float(MulticlassJaccardIndex(each.classes, average="macro")(*pair))
    assert values["miou", ""].value == pytest.approx(macro, abs=1e-6)
    weighted = float(MulticlassJaccardIndex(each.classes, average="weighted")(*pair))
    assert values["fw_iou", ""].value == pytest.approx(weighted, abs=1e-6)
    assert values["dice", ""].value == pytest.approx(float(MulticlassF1Score(each.classes)(*pair)), abs=1e-6)
    assert values["pixel_accuracy", ""].value == pytest.approx(accuracy_score(truth, guess), abs=EXACT)
    recall = balanced_accuracy_score(truth, guess)
    assert values["mean_class_accuracy", ""].value == pytest.approx(recall, abs=EXACT)


def one_hot(guess, classes):
    return 5.0 * np.eye(classes)[np.asarray(guess)].T


def test_known_values():
    """Class 0: 2 of 3 right and one false: 2/4. Class 1: 1 of 2: 1/3. Class 2: nothing at all."""
    each = of_pixels(one_hot([0, 0, 1, 1, 0], 3), [0, 0, 0, 1, 1])
    values = values_of(Segmentation(), each)
    assert values["iou", "class-0"].value == 2 / 4
    assert values["iou", "class-1"].value == 1 / 3
    assert np.isnan(values["iou", "class-2"].value)
    assert values["class_share", "class-2"].value == 0
    assert values["miou", ""].value == pytest.approx((2 / 4 + 1 / 3) / 2)
    assert values["fw_iou", ""].value == pytest.approx(2 / 4 * 3 / 5 + 1 / 3 * 2 / 5)
    assert values["dice", ""].value == pytest.approx((4 / 6 + 2 / 4) / 2)


def test_a_prediction_of_an_absent_class_is_wrong_and_has_no_iou():
    each = of_pixels(one_hot([0, 2, 1], 3), [0, 0, 1])
    idd = type(each)(3, each.groups, each.logits, each.truth, each.image, each.scores, absent=(2,))
    values = values_of(Segmentation(), idd)
    assert values["pixel_accuracy", ""].value == pytest.approx(2 / 3)
    assert values["iou", "class-0"].value == 1 / 2
    assert values["miou", ""].value == pytest.approx(3 / 4)
    assert ("iou", "class-2") not in values
    as_if_present = values_of(Segmentation(), each)
    assert as_if_present["miou", ""].value == pytest.approx((1 / 2 + 1 + 0) / 3)


def test_a_prediction_of_other_is_wrong():
    """Model class 2 goes to `other`, the column of number 2."""
    each = of_pixels(one_hot([0, 2, 1], 3), [0, 0, 1])
    projected = type(each)(2, (0, 1, 2), each.logits, each.truth, each.image, each.scores)
    values = values_of(Segmentation(), projected)
    assert projected.domain().pixels.top.confusion.tolist() == [[1, 0, 1], [0, 1, 0]]
    assert values["miou", ""].value == pytest.approx((1 / 2 + 1) / 2)
    assert values["pixel_accuracy", ""].value == pytest.approx(2 / 3)

"""Promises over simulated splits: images are hard or easy as a whole, and each split fits its own temperature."""

import math
from functools import cache

import numpy as np
import pytest
from scipy.special import log_softmax

from reliseg.conformal import Losses, Promise, losses_of
from reliseg.stats.bins import COARSE_SHIFT, SET_BINS, set_bin
from reliseg.stats.built_in_scores import BUILT_IN_SCORES

IMAGES, PIXELS, CLASSES = 3000, 60, 4
TEMPERATURES = np.exp(np.linspace(math.log(0.7), math.log(3), 9))
SPLITS = 2000


@cache
def drawn() -> tuple[np.ndarray, np.ndarray]:
    """Logits and labels: how hard an image is, and what it is mistaken for, is its own."""
    random = np.random.default_rng(7)
    labels = random.integers(0, CLASSES, (IMAGES, PIXELS))
    labels[labels == 1] *= random.uniform(size=(IMAGES, 1))[np.nonzero(labels == 1)[0], 0] < 0.8
    height = 3.2 + random.normal(0, 1.1, (IMAGES, 1)) + random.normal(0, 0.8, (IMAGES, PIXELS))
    logits = random.normal(0, 1, (IMAGES, PIXELS, CLASSES)) + random.normal(0, 0.9, (IMAGES, 1, CLASSES))
    return 2.0 * (logits + height[..., None] * (labels[..., None] == np.arange(CLASSES))), labels


@cache
def likelihoods() -> np.ndarray:
    """The negative log-likelihood of each image at each temperature."""
    logits, labels = drawn()
    log_p = [np.take_along_axis(log_softmax(logits / t, axis=2), labels[..., None], 2) for t in TEMPERATURES]
    return np.stack([-of_one[..., 0].sum(axis=1) for of_one in log_p])


@cache
def losses(kind: str) -> tuple[np.ndarray, list[Losses]]:
    """The images that count for a kind of promise, and their losses at each temperature."""
    logits, labels = drawn()
    found, counted = [], np.full((IMAGES, PIXELS), True)
    if kind == "class":
        counted = labels == 1
    images = np.flatnonzero(counted.any(axis=1))
    for temperature in TEMPERATURES:
        p = np.exp(log_softmax(logits / temperature, axis=2))
        wrong = (p.argmax(axis=2) != labels) & counted
        if kind == "sets":
            own = np.take_along_axis(p, labels[..., None], 2)[..., 0]
            place = SET_BINS - np.minimum(set_bin(own.ravel()).reshape(own.shape), SET_BINS)  # the least probable first
            size = SET_BINS + 1
        else:
            odds = (1 - p.max(axis=2)) / p.max(axis=2)
            place = BUILT_IN_SCORES["msp"].bins.index(odds.ravel()).reshape(odds.shape) >> COARSE_SHIFT
            size = BUILT_IN_SCORES["msp"].bins.coarse_size
        at = np.arange(IMAGES)[:, None] * size + place
        lost = np.bincount(at[wrong], minlength=IMAGES * size).reshape(IMAGES, size)
        found.append(losses_of(lost[images], counted.sum(axis=1)[images]))
    return images, found


def kept(kind: str, promise: Promise, images: int) -> tuple[np.ndarray, float]:
    """The mean loss of all images at the threshold of each split, and how much one bin more would have added."""
    random = np.random.default_rng(images)
    there, of_temperature = losses(kind)
    truth = [of_one.mean(axis=0) for of_one in of_temperature]
    nll = likelihoods()
    found, steps = [], []
    for _ in range(SPLITS):
        fitted, chosen = random.choice(IMAGES, images), random.choice(len(there), images)
        t = int(nll[:, fitted].sum(axis=1).argmin())
        bins = promise.accepted(of_temperature[t][chosen])
        found.append(truth[t][bins])
        steps.append(np.diff(truth[t])[min(bins, len(truth[t]) - 2)])
    return np.array(found), float(np.mean(steps))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["all", "class", "sets"])
def test_on_average_over_splits_the_promise_is_kept_and_nearly_used(kind):
    risk, images = 0.05, 100
    found, step = kept(kind, Promise(risk), images)
    error = found.std() / math.sqrt(SPLITS)
    assert risk - 2 / (images + 1) - step - 3 * error <= found.mean() <= risk + 3 * error


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["all", "class", "sets"])
def test_with_confidence_at_most_one_split_in_twenty_breaks_the_promise(kind):
    found, _ = kept(kind, Promise(0.1, 0.95), 100)
    assert (found > 0.1).mean() <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / SPLITS)
    assert found.mean() > 0.1 / 4  # it is no promise of nothing


def test_the_simulated_images_break_the_promise_where_all_is_accepted():
    for kind in ("all", "class", "sets"):
        _, of_temperature = losses(kind)
        assert all(of_one.mean(axis=0)[-1] > 0.1 for of_one in of_temperature)

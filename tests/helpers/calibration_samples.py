"""Samples to fit calibrations on, and their likelihood."""

from dataclasses import replace

import numpy as np
from scipy.special import log_softmax, softmax

from reliseg.calibration import CalibrationSample, SampledImage, WholeImage
from reliseg.kernels import reference
from reliseg.labels import UNKNOWN, VOID
from reliseg.prediction import Prediction, sample_pixels


def sample_of(*parts):
    """Each part is an image; its feature is its place, so that clusters are neighbours."""
    images = [SampledImage(f"a/{i}", len(y), (1.0, float(i))) for i, (_, y) in enumerate(parts)]
    return CalibrationSample([(np.asarray(z, np.float32), np.asarray(y, np.uint8)) for z, y in parts], images)


def random_part(seed, *, pixels=300, classes=4, temperature=2.0, spread=3.0, empty_column=False):
    """Labels drawn from softmax(z / temperature): that is about the best temperature."""
    g = np.random.default_rng(seed)
    z = g.normal(0, spread, (pixels, classes))
    labels = (z / temperature + g.gumbel(size=z.shape)).argmax(axis=1)
    if empty_column:
        z = np.concatenate([z, np.full((pixels, 1), -np.inf)], axis=1)
    return z.astype(np.float32), labels.astype(np.uint8)


def nll(sample, temperature):
    total = 0.0
    for z, labels in sample.parts:
        log_p = log_softmax(z.astype(np.float64) / temperature, axis=1)
        total -= log_p[np.arange(len(labels)), labels].sum()
    return total / len(sample)


def with_whole_images(sample):
    """The sample with all of its pixels as images of 6 x 10 pixels, whose columns are the logits' but the last."""
    whole = []
    for (z, labels), image in zip(sample.parts, sample.images, strict=True):
        planes = np.ascontiguousarray(z[:, :-1].T).reshape(-1, 6, 10)
        colors = np.random.default_rng(len(whole)).integers(0, 256, (6, 10, 3), np.uint8)
        whole.append(WholeImage(image.id, Prediction(planes, (6, 10), image=colors), labels.reshape(6, 10)))
    return replace(sample, whole=whole)


def prediction_of(seed, *, classes=4, native=(3, 4), size=(7, 9)):
    logits = np.random.default_rng(seed).normal(0, 5, (classes, *native)).astype(np.float32)
    return Prediction(logits, size)


def pixels_of(prediction):
    return reference.full_logits(prediction.view(), prediction.columns)


def drawn(seed, *, pixels=500, classes=4, temperature=2.0, spread=3.0, empty=False):
    g = np.random.default_rng(seed)
    z = g.normal(0, spread, (pixels, classes)).astype(np.float32)
    labels = (z / temperature + g.gumbel(size=z.shape)).argmax(axis=1)
    if empty:
        z = np.concatenate([z, np.full((pixels, 1), -np.inf, np.float32)], axis=1)
    return z, labels.astype(np.uint8)


def ideal_part(seed, temperature_of, *, distinct=40, copies=2000, classes=4):
    """Few different logits, with labels in the very shares of softmax(z / T): T is the optimum but for rounding.

    `temperature_of` tells T from the predicted classes.
    """
    z = np.random.default_rng(seed).normal(0, 2, (distinct, classes)).astype(np.float32)
    p = softmax(z / temperature_of(z.argmax(axis=1))[:, None], axis=1)
    counts = np.rint(p * copies).astype(int)
    pixel, label = (np.repeat(a, counts.ravel()) for a in np.divmod(np.arange(distinct * classes), classes))
    return z[pixel], label.astype(np.uint8)


def two_tone(seed, images, *, size=(16, 24), temperatures=(1.0, 2.5), classes=4, void=False):
    """Labels drawn at one temperature in the dark left half of each image, at the other in the bright right half."""
    left = np.arange(size[1]) < size[1] // 2
    whole, parts, sampled_images = [], [], []
    for i in range(images):
        g = np.random.default_rng([seed, i])
        z = g.normal(0, 4, (classes, *size)).astype(np.float32)
        labels = (z / np.where(left, *temperatures) + g.gumbel(size=z.shape)).argmax(axis=0).astype(np.uint8)
        if void:
            labels[g.random(size) < 0.3] = VOID
            labels[g.random(size) < 0.1] = UNKNOWN
        colors = np.repeat(np.where(left, 40, 210).astype(np.uint8)[None, :, None], size[0], axis=0).repeat(3, axis=2)
        prediction = Prediction(z, size, image=colors)
        whole.append(WholeImage(f"a/{i:03}", prediction, labels))
        parts.append(sample_pixels(prediction, labels, 200, g))
        sampled_images.append(SampledImage(f"a/{i:03}", len(parts[-1][1])))
    return CalibrationSample(parts, sampled_images, whole)

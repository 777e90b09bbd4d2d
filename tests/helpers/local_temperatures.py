"""Trees of `lts`, predictions to apply them to, and what they are by definition."""

import numpy as np
import pytest
from scipy.ndimage import correlate
from scipy.special import expit

from helpers.worlds import space
from reliseg.kernels import reference
from reliseg.labels import UNKNOWN, Projection
from reliseg.prediction import Prediction

Tree = pytest.importorskip("reliseg.calibration.fitting.lts_network").Tree
CHANNELS = {"both": (8, 1), "logits": (7, 0), "image": (0, 1)}


def tree_of(seed, inputs, columns, *, spread=0.3):
    """Weights far from small ones, so that every part of the tree matters."""
    g = np.random.default_rng(seed)
    k, i = CHANNELS[inputs]
    shapes = [(k, columns, 5, 5), (k,), (i, 3, 5, 5), (i,)]
    return Tree(*(g.normal(0, spread, shape).astype(np.float32) for shape in shapes))


def prediction_of(seed, *, native=(4, 5), size=(13, 22), groups=None, align=False, spread=3.0):
    logits = np.random.default_rng(seed).normal(0, spread, (4, *native)).astype(np.float32)
    projection = groups and Projection.of(space(4), space(3), groups)
    return Prediction(logits, size, align, projection=projection, image=image_of(seed, size))


def textbook(tree, prediction):
    """1/T of each pixel, in float64 and by whole images: convolutions are scipy's, mirrored at the borders."""
    view = prediction.view()
    live = np.unique(view.groups)
    z = reference.full_logits(view, prediction.columns)[live].reshape(len(live), *prediction.size)
    pixels = prediction.image.astype(np.float64).transpose(2, 0, 1) / 127.5 - 1

    def convolved(planes, weights, bias):
        total = np.full(prediction.size, float(bias))
        for plane, taps in zip(planes, weights, strict=True):
            dilated = np.zeros((9, 9))
            dilated[::2, ::2] = taps
            total += correlate(plane, dilated, mode="mirror")
        return total

    on_logits = [convolved(z, w, b) for w, b in zip(tree.logit_weights, tree.logit_bias, strict=True)]
    on_image = [convolved(pixels, w, b) for w, b in zip(tree.image_weights, tree.image_bias, strict=True)]
    if not on_logits:
        u = on_image[0]
    else:
        (a, b, c, d), gates = on_logits[:4], [expit(g) for g in on_logits[4:]]
        left, right = gates[0] * a + (1 - gates[0]) * b, gates[1] * c + (1 - gates[1]) * d
        u = gates[2] * left + (1 - gates[2]) * right
        if on_image:
            u = gates[3] * u + (1 - gates[3]) * on_image[0]
    return 1 / (np.logaddexp(0, u) + 0.05)


def image_of(seed, size):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def whole_image_loss(sample, calibration):
    """The mean NLL over the counted pixels of whole images."""
    losses = []
    for image in sample.whole:
        after = calibration(image.prediction)
        labels = image.truth.ravel().astype(np.int64)
        z = reference.full_logits(after.view(), after.columns)[:, labels < UNKNOWN]
        losses.append(reference.losses(z, labels[labels < UNKNOWN])[0])
    return np.concatenate(losses).mean()

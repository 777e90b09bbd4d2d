"""Numbers of single images from their rows, in one pass: of small arrays, NumPy's calls cost more than their work."""

import numpy as np

from reliseg.runtime.numba_compile import exact_njit, inline_exact_njit
from reliseg.stats.bins import RIGHT
from reliseg.stats.filled.sums import Tree, sum_by, tree
from reliseg.stats.fixed import UNIT, UPPER
from reliseg.types import Float64, Int64

Limb = Int64[np.ndarray, "n b"]
ScoreLimb = Int64[np.ndarray, "n s r"]
OfClass = Int64[np.ndarray, " t"]


@inline_exact_njit
def _real(high: np.int64, low: np.int64) -> float:
    """Return a sum as `stats.fixed.real`."""
    return (high * UPPER + low) / UNIT


@exact_njit
def class_pixels(confusion: Int64[np.ndarray, "n t y"]) -> Int64[np.ndarray, "n 3 t"]:
    """Return the right pixels of each class, all known pixels of it, and those that are predicted as it."""
    images, classes, columns = confusion.shape
    found = np.zeros((images, 3, classes), np.int64)
    for i in range(images):
        for label in range(classes):
            found[i, 0, label] = confusion[i, label, label]
            for guess in range(columns):
                pixels = confusion[i, label, guess]
                found[i, 1, label] += pixels
                if guess < classes:
                    found[i, 2, guess] += pixels
    return found


@inline_exact_njit
def _mean_iou(hit: OfClass, true: OfClass, guessed: OfClass, order: Tree) -> float:
    """Return the mean IoU over the classes that have pixels; NaN if none has."""
    ious, present = np.zeros(len(hit)), 0
    for c in range(len(hit)):
        if true[c] > 0:
            ious[c] = hit[c] / (true[c] + guessed[c] - hit[c])
            present += 1
    return sum_by(order, ious) / present


@exact_njit
def image_numbers(
    pixels: Int64[np.ndarray, "n 4"],
    classes: Int64[np.ndarray, "n 3 t"],
    right: Int64[np.ndarray, "n b"],
    confidence: tuple[Limb, Limb],
    scores: tuple[ScoreLimb, ScoreLimb],
) -> Float64[np.ndarray, "n k"]:
    """Return the known pixels of each image, its mean IoU over the classes of its own annotation and its ECE; then of
    each score the mean over known pixels; then of each the mean over all. NaN where an image has none.

    `classes` are `class_pixels`; `right` and `confidence` are by bin of top-label confidence; sums come as two limbs.
    """
    images, bins, number = len(pixels), right.shape[1], scores[0].shape[1]
    found, gaps = np.empty((images, 3 + 2 * number)), np.empty(bins)
    of_bins, of_classes = tree(bins), tree(classes.shape[2])
    for i in range(images):
        known = pixels[i, : RIGHT + 1].sum()
        every = pixels[i].sum()
        for b in range(bins):
            gaps[b] = abs(right[i, b] - _real(confidence[0][i, b], confidence[1][i, b]))
        found[i, 0] = known
        found[i, 1] = _mean_iou(classes[i, 0], classes[i, 1], classes[i, 2], of_classes)
        found[i, 2] = sum_by(of_bins, gaps) / known
        for s in range(number):
            of_known = of_all = 0.0
            for role in range(scores[0].shape[2]):
                of_all += _real(scores[0][i, s, role], scores[1][i, s, role])
                if role <= RIGHT:
                    of_known = of_all
            found[i, 3 + s], found[i, 3 + number + s] = of_known / known, of_all / every
    return found

"""What maps of windows and of several predictions are, in float64 and plain NumPy: rows are tested against these."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from reliseg.stats.view import source_positions
from reliseg.types import Float64

Maps: TypeAlias = Float64[np.ndarray, "c h w"]


def resized(maps: Maps, size: tuple[int, int], align_corners: bool) -> Maps:
    """Return maps at another size, by torch's bilinear rule."""
    y, wy = source_positions(maps.shape[1], size[0], align_corners)
    x, wx = source_positions(maps.shape[2], size[1], align_corners)
    y1, x1 = np.minimum(y + 1, maps.shape[1] - 1), np.minimum(x + 1, maps.shape[2] - 1)
    lines = maps[:, y] * (1 - wy)[:, None] + maps[:, y1] * wy[:, None]
    return lines[:, :, x] * (1 - wx) + lines[:, :, x1] * wx


def window_mean(windows: Sequence[tuple[int, int, Maps]], size: tuple[int, int]) -> Maps:
    """Return the mean, at each pixel, of the windows (top, left, maps) that cover it."""
    total, number = np.zeros((len(windows[0][2]), *size)), np.zeros(size)
    for top, left, maps in windows:
        place = slice(top, top + maps.shape[1]), slice(left, left + maps.shape[2])
        inside = total[:, *place].shape[1:]
        total[:, *place] += maps[:, : inside[0], : inside[1]]
        number[place] += 1
    return total / number


def softmax(z: Maps) -> Maps:
    """Return the probabilities of logits."""
    e = np.exp(z - z.max(axis=0))
    return e / e.sum(axis=0)


def mean_probability(members: Sequence[Maps]) -> Maps:
    """Return the mean of the probabilities that several maps of logits mean."""
    return np.mean([softmax(z) for z in members], axis=0)


def entropy(p: Maps) -> Float64[np.ndarray, "h w"]:
    """Return the entropy in nats; a probability of 0 adds nothing."""
    return -np.where(p > 0, p * np.log(np.maximum(p, 5e-324)), 0).sum(axis=0)


def expected_entropy(members: Sequence[Maps]) -> Float64[np.ndarray, "h w"]:
    """Return the mean entropy of the members, in nats: what is uncertain whichever member is right."""
    return np.mean([entropy(softmax(z)) for z in members], axis=0)


def mutual_information(members: Sequence[Maps]) -> Float64[np.ndarray, "h w"]:
    """Return the mutual information of class and member, in nats (Houlsby et al., 2011): entropy of the mean prediction
    minus expected entropy.
    """
    return entropy(mean_probability(members)) - expected_entropy(members)

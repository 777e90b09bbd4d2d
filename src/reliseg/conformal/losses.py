"""The loss of each image, by how many bins are accepted."""

from typing import TypeAlias

import numpy as np

from reliseg.types import Float64, Int64

Losses: TypeAlias = Float64[np.ndarray, "n k"]
"""In [0, 1]: column `k` holds what each image loses where the `k` first bins are accepted; none are in column 0.

It does not decrease along a row: who accepts more loses no less.
"""


def losses_of(lost: Int64[np.ndarray, "n b"], counted: Int64[np.ndarray, " n"]) -> Losses:
    """Return the losses of images: the share of all their counted pixels that are accepted and lost.

    `lost` are each image's pixels that are lost once their bin is accepted, the first bin first; `counted` are all its
    pixels that could be. An image without any has no loss, and is left out by who asks: a ValueError here, as where an
    image loses more than it has.
    """
    if (counted <= 0).any():
        raise ValueError("an image without counted pixels has no loss")
    if (lost < 0).any() or (lost.sum(axis=1) > counted).any():
        raise ValueError("an image loses at least nothing and at most what it has")
    total = np.cumsum(lost, axis=1, dtype=np.int64)
    return np.concatenate([np.zeros((len(lost), 1)), total / counted[:, None]], axis=1)


def means_of_units(losses: Losses, unit: Int64[np.ndarray, " n"]) -> Losses:
    """Return the mean loss of the images of each unit, by its number: none of 0, 1, .. is left out.

    Images of a scene are alike: then scenes are what is drawn.
    """
    counts = np.bincount(unit)
    sums = np.zeros((len(counts), losses.shape[1]))
    np.add.at(sums, unit, losses)
    return sums / counts[:, None]

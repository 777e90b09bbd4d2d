"""The bootstrap over images: statistics of data sets that might have been, from the images of the one that is."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64, UInt16

from reliseg.stats.fixed import carry
from reliseg.stats.samples import LIMB_COLUMNS, SampleTable

_EXACT = 2.0**53
"""Sums of integers below this are exact in float64, in any order: matrix products then are, too."""


def draws(images: int, resamples: range, seed: int) -> UInt16[np.ndarray, "r n"]:
    """How often each image is drawn, with replacement, when as many are drawn as there are (Efron 1979).

    A resample's draws depend on its number, the seed and the number of images alone: they may be made in any parts,
    and are the same for every calibration, so that differences of calibrations are paired.
    """
    found = np.empty((len(resamples), images), np.uint16)
    for row, number in zip(found, resamples, strict=True):
        chosen = np.random.default_rng((seed, number)).integers(images, size=images)
        row[:] = np.bincount(chosen, minlength=images)
    return found


def resampled(tables: Sequence[SampleTable], resamples: range, seed: int) -> SampleTable:
    """A row for each resample, in their order: the sum over the images that were drawn, equal for any cut of either.

    The images are those of all tables, one after the other: their order is part of what the seed means. Beside the
    result, memory holds two bytes per resample and image, and one table as float64: give few resamples at a time for
    many images. A ValueError where there is no image, or so many that sums were not exact (two million).
    """
    images = sum(len(table.ids) for table in tables)
    if not images:
        raise ValueError("there is no image to draw from")
    drawn = draws(images, resamples, seed)
    shapes = {name: column.shape[1:] for name, column in tables[0].arrays().items()}
    sums = {name: np.zeros((len(resamples), *shape), np.int64) for name, shape in shapes.items()}
    start = 0
    for table in (t for t in tables if t.ids):
        weights = drawn[:, start : start + len(table.ids)].astype(np.float64)
        start += len(table.ids)
        for name, column in table.arrays().items():
            _add(sums[name].reshape(len(resamples), -1), weights, column.reshape(len(table.ids), -1), images)
    columns = {name: carry(total) if name in LIMB_COLUMNS else total for name, total in sums.items()}
    return SampleTable.from_arrays([f"{number:06}" for number in resamples], columns)


def _add(
    sums: Int64[np.ndarray, "r k"], weights: Float64[np.ndarray, "r n"], column: Int64[np.ndarray, "n k"], images: int
) -> None:
    """Weighted sums of the rows, added in place; columns of zeros, most of a coarse histogram, cost nothing."""
    filled = np.flatnonzero(column.any(axis=0))
    values = column[:, filled]
    if np.abs(values).max(initial=0) * float(images) >= _EXACT:
        raise ValueError(f"{images} images are too many to resample exactly")
    sums[:, filled] += (weights @ values.astype(np.float64)).astype(np.int64)

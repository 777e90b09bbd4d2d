"""The best 1/T of each group of pixels: what temperature scaling, per class or per cluster too, solves."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TypeAlias

import numpy as np

from reliseg.calibration.fitting.parallel import map_in_order
from reliseg.calibration.sample import CalibrationSample, InverseTemperatures, PixelIndices, PixelLabels, PixelLogits
from reliseg.types import Float64, Int64

LOWEST, HIGHEST = 0.05, 20.0
"""Temperatures are kept in this range: unbounded they have been seen to diverge."""
_TOLERANCE = 1e-9
_STEPS = 200
_ROUNDING = 1e-9
_PATIENCE = 12
_STRIDE = 16
"""The search starts where that over every 16th block ends: two or three passes over all blocks are left."""

Temperatures: TypeAlias = Float64[np.ndarray, "..."] | Sequence[float]
Blocks: TypeAlias = Callable[[], Iterator[tuple[PixelLogits, PixelLabels, PixelIndices]]]
"""All pixels in blocks, each pixel with its group; called once for every step."""


def fit_inverse_temperature(sample: CalibrationSample) -> float:
    """Return the one 1/T of all pixels with the least negative log-likelihood."""
    return float(fit_inverse_temperatures(sample.blocks_with_groups, 1, sample.training.threads)[0][0])


def fit_inverse_temperatures(
    blocks: Blocks, groups: int, threads: int = 1
) -> tuple[InverseTemperatures, Int64[np.ndarray, " g"]]:
    """Return the 1/T of each group with the least negative log-likelihood, to 1e-9, and its number of pixels.

    The likelihood of a group is convex in its 1/T: Newton steps for all groups at once, each kept in a bracket. A
    bound of the range is the answer where the optimum lies beyond it. Where all pixels have equal logits, or there
    are none, no 1/T is better than another: it is 1, of 0 pixels. Threads change no bit of it.
    """
    start, counts = _search(lambda: islice(blocks(), 0, None, _STRIDE), np.ones(groups), threads)
    return _search(blocks, np.where(counts > 0, start, 1.0), threads)


def _search(
    blocks: Blocks, start: InverseTemperatures, threads: int
) -> tuple[InverseTemperatures, Int64[np.ndarray, " g"]]:
    """Return the optimum of each group and its number of pixels, searched from these values."""
    groups = len(start)
    least, most = 1 / HIGHEST, 1 / LOWEST
    low, high = np.full(groups, least), np.full(groups, most)
    x, converged = start, np.zeros(groups, bool)
    for i in range(_STEPS):
        gradient, curvature, counts, varied = _derivatives(blocks, x, threads)
        counts = np.where(varied > 0, counts, 0)
        # Where all differences of logits underflow, every label is on top: the likelihood still rises with 1/T.
        uphill = (gradient < 0) | ((gradient == 0) & (curvature == 0))
        low, high = np.where(uphill, x, low), np.where(uphill, high, x)
        step = np.divide(gradient, curvature, out=np.where(uphill, -np.inf, np.inf), where=curvature > 0)
        newton = x - step
        close = np.abs(step) <= _TOLERANCE * x
        if i >= _PATIENCE and i % 2:  # far from the optimum the likelihood is flat, and Newton's steps are short
            newton = np.where(uphill, np.inf, -np.inf)
        middle = np.sqrt(low * high)
        below = np.where(low == least, least, middle)
        above = np.where(high == most, most, middle)
        following = np.where(newton <= low, below, np.where(newton >= high, above, newton))
        following = np.where(close, np.clip(x - step, least, most), following)  # no halving takes it away again
        moving = ~converged & (counts > 0)
        converged |= (np.abs(following - x) <= _TOLERANCE * x) | (counts == 0)
        x = np.where(moving, following, x)  # the last step too: after one of Newton's little is left
        if converged.all():
            break
    return x, counts.astype(np.int64)


def check_range(temperatures: Temperatures, low: float = LOWEST, high: float = HIGHEST) -> None:
    """Raise a ValueError where a temperature lies outside its range: no fit gives such a one."""
    t = np.asarray(temperatures)
    if not ((t >= low * (1 - _ROUNDING)) & (t <= high * (1 + _ROUNDING))).all():
        raise ValueError(f"a temperature lies outside {low:g} to {high:g}")


def range_notes(temperatures: Temperatures, low: float = LOWEST, high: float = HIGHEST) -> list[str]:
    """Return what to say of temperatures at an end of their range: the best one may lie beyond."""
    t = np.ravel(temperatures)
    notes = []
    for end, at in ((low, t <= low * (1 + _ROUNDING)), (high, t >= high * (1 - _ROUNDING))):
        if at.any():
            which = "the temperature is" if len(t) == 1 else f"{at.sum()} of {len(t)} temperatures are"
            notes.append(f"{which} at the end of its range, {end:g}; the optimum may lie beyond it")
    return notes


def shrink(
    inverse_temperatures: InverseTemperatures, everywhere: float, counts: Int64[np.ndarray, " g"], strength: float
) -> InverseTemperatures:
    """Return the mean of each group's 1/T, weighted by its pixels, and the 1/T of all, weighted by `strength` pixels.

    The loss is convex in 1/T and least at the group's own: in between it is never above that of the 1/T of all.
    """
    weight = np.where(counts > 0, counts / np.maximum(counts + strength, 1e-300), 0.0)
    return weight * inverse_temperatures + (1 - weight) * everywhere


def _derivatives(blocks: Blocks, x: InverseTemperatures, threads: int) -> Float64[np.ndarray, "4 g"]:
    """Return first and second derivative of each group's NLL by its 1/T, its pixels, and those whose logits differ.

    Sums are taken in the order of the blocks.
    """
    from reliseg.calibration.compiled.fit_kernels import add_derivatives  # slow to import
    from reliseg.kernels.cpu.upsample import read_only

    def sum_block(block: tuple[PixelLogits, PixelLabels, PixelIndices]) -> Float64[np.ndarray, "4 g"]:
        logits, labels, groups = map(read_only, block)  # numba would compile it again for writable ones
        sums = np.zeros((4, len(x)))
        add_derivatives(logits, labels, groups, x, sums)
        return sums

    total = np.zeros((4, len(x)))
    for sums in map_in_order(sum_block, blocks(), threads):
        total += sums
    return total

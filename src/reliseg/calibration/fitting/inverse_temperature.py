"""The best factor 1/T for each group of pixels: what temperature scaling, per class or per cluster too, solves."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TypeAlias

import numpy as np
from jaxtyping import Float64, Int64

from reliseg.calibration.fitting.parallel import in_order
from reliseg.calibration.sample import Groups, Labels, Logits, Slopes

LOWEST, HIGHEST = 0.05, 20.0
"""Temperatures are kept in this range: unbounded they have been seen to diverge."""
_TOLERANCE = 1e-9
_STEPS = 200
_ROUNDING = 1e-9
_PATIENCE = 12
_STRIDE = 16
"""The search starts where that over every 16th block ends: two or three passes over all blocks are left."""

Temperatures: TypeAlias = Float64[np.ndarray, "..."] | Sequence[float]
Blocks: TypeAlias = Callable[[], Iterator[tuple[Logits, Labels, Groups]]]
"""All pixels in blocks, each pixel with its group; called once for every step."""


def fit_inverse_temperatures(blocks: Blocks, groups: int) -> tuple[Slopes, Int64[np.ndarray, " g"]]:
    """The 1/T of each group with the least negative log-likelihood, to 1e-9, and its number of pixels.

    The likelihood of a group is convex in its 1/T: Newton steps for all groups at once, each kept in a bracket. A
    bound of the range is the answer where the optimum lies beyond it. Where all pixels have equal logits, or there
    are none, no slope is better than another: 1, of 0 pixels. Threads change no bit of it.
    """
    start, counts = _searched(lambda: islice(blocks(), 0, None, _STRIDE), np.ones(groups))
    return _searched(blocks, np.where(counts > 0, start, 1.0))


def _searched(blocks: Blocks, start: Slopes) -> tuple[Slopes, Int64[np.ndarray, " g"]]:
    """The same, from some slopes."""
    groups = len(start)
    least, most = 1 / HIGHEST, 1 / LOWEST
    low, high = np.full(groups, least), np.full(groups, most)
    slopes, settled = start, np.zeros(groups, bool)
    for i in range(_STEPS):
        gradient, curvature, counts, varied = _derivatives(blocks, slopes)
        counts = np.where(varied > 0, counts, 0)
        # Where all differences of logits underflow, every label is on top: the likelihood still rises with 1/T.
        uphill = (gradient < 0) | ((gradient == 0) & (curvature == 0))
        low, high = np.where(uphill, slopes, low), np.where(uphill, high, slopes)
        step = np.divide(gradient, curvature, out=np.where(uphill, -np.inf, np.inf), where=curvature > 0)
        newton = slopes - step
        close = np.abs(step) <= _TOLERANCE * slopes
        if i >= _PATIENCE and i % 2:  # far from the optimum the likelihood is flat, and Newton's steps are short
            newton = np.where(uphill, np.inf, -np.inf)
        halved = np.sqrt(low * high)
        below = np.where(low == least, least, halved)
        above = np.where(high == most, most, halved)
        following = np.where(newton <= low, below, np.where(newton >= high, above, newton))
        following = np.where(close, np.clip(slopes - step, least, most), following)  # no halving takes it away again
        moving = ~settled & (counts > 0)
        settled |= (np.abs(following - slopes) <= _TOLERANCE * slopes) | (counts == 0)
        slopes = np.where(moving, following, slopes)  # the last step too: after one of Newton's little is left
        if settled.all():
            break
    return slopes, counts.astype(np.int64)


def check_range(temperatures: Temperatures, low: float = LOWEST, high: float = HIGHEST) -> None:
    """A ValueError where a temperature lies outside its range: it was not found by any fit."""
    t = np.asarray(temperatures)
    if not ((t >= low * (1 - _ROUNDING)) & (t <= high * (1 + _ROUNDING))).all():
        raise ValueError(f"a temperature lies outside {low:g} to {high:g}")


def end_notes(temperatures: Temperatures, low: float = LOWEST, high: float = HIGHEST) -> list[str]:
    """What to say of temperatures at an end of their range: the best one may lie beyond."""
    t = np.ravel(temperatures)
    notes = []
    for end, at in ((low, t <= low * (1 + _ROUNDING)), (high, t >= high * (1 - _ROUNDING))):
        if at.any():
            which = "the temperature is" if len(t) == 1 else f"{at.sum()} of {len(t)} temperatures are"
            notes.append(f"{which} at the end of its range, {end:g}: the loss still falls there")
    return notes


def shrunk(slopes: Slopes, everywhere: float, counts: Int64[np.ndarray, " g"], strength: float) -> Slopes:
    """Slopes drawn towards the global one, as if `strength` of its pixels were among each group's.

    The loss is convex in the slope and least at the group's own: in between it is never above that of the global one.
    """
    weight = np.where(counts > 0, counts / np.maximum(counts + strength, 1e-300), 0.0)
    return weight * slopes + (1 - weight) * everywhere


def _derivatives(blocks: Blocks, slopes: Slopes) -> tuple[Slopes, Slopes, Slopes, Slopes]:
    """First and second derivative of each group's NLL by its 1/T, summed in the order of the blocks.

    And its pixels, and those of them whose logits differ.
    """
    from reliseg.calibration.compiled.fit_kernels import add_derivatives  # slow to import

    def one(block: tuple[Logits, Labels, Groups]) -> np.ndarray:
        sums = np.zeros((4, len(slopes)))
        add_derivatives(np.ascontiguousarray(block[0]), np.ascontiguousarray(block[1]), block[2], slopes, sums)
        return sums

    total = np.zeros((4, len(slopes)))
    for sums in in_order(one, blocks()):
        total += sums
    return total[0], total[1], total[2], total[3]

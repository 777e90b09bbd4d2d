"""The top label's confidence: counts of pixels by it, and how another one takes its place."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from reliseg.calibration.fitting.columns import ColumnUse, keep_on_top, live_blocks
from reliseg.calibration.sample import CalibrationSample, PixelIndices, PixelValues
from reliseg.types import Block, Float64, Int64, LiveBlock

HIGHEST_CONFIDENCE = 1 - 1e-6
"""The highest confidence that is set: a bin that is always right would give its errors an infinite loss."""
LEAD = 1e-3
"""The least lead of the top label's log probability: interpolation in float32 cannot turn it round."""
_PER_NAT, _LOWEST, _MOST = 4096, -32, 6
CELLS = (_MOST - _LOWEST) * _PER_NAT
"""Fine cells of log((1 - p) / p), 1/4096 wide: they resolve confidences near 1, which cells of p would not."""

Line: TypeAlias = Float64[np.ndarray, "4 k"]
Index: TypeAlias = Callable[[PixelValues, PixelValues], PixelIndices]
"""The group of each pixel from its log odds against the top label, and its confidence."""


@dataclass(frozen=True, eq=False)
class GroupCounts:
    """Pixels, correct pixels and summed confidence of each group."""

    pixels: Int64[np.ndarray, " g"]
    correct: Int64[np.ndarray, " g"]
    confidence: Float64[np.ndarray, " g"]


def count_groups(sample: CalibrationSample, columns: ColumnUse, index: Index, groups: int) -> GroupCounts:
    """Count the sample's pixels by group, in one pass."""
    pixels, correct, total = np.zeros(groups, np.int64), np.zeros(groups, np.int64), np.zeros(groups)
    for z, labels in live_blocks(sample, columns.live):
        top, _, log_odds = _split_top(z)
        confidence = _confidence(log_odds)
        group = index(log_odds, confidence)
        pixels += np.bincount(group, minlength=groups)
        correct += np.bincount(group[top == labels], minlength=groups)
        total += np.bincount(group, weights=confidence, minlength=groups)
    return GroupCounts(pixels, correct, total)


def are_shares(values: PixelValues) -> bool:
    """Return whether all values lie in [0, 1]."""
    return bool(((values >= 0) & (values <= 1)).all())


def log_odds_cell(log_odds: PixelValues, confidence: PixelValues) -> PixelIndices:
    """Return the fine cell of each pixel: 0 is the most confident."""
    return np.clip(np.floor((log_odds - _LOWEST) * _PER_NAT), 0, CELLS - 1).astype(np.int64)


def cell_end_confidence(cells: PixelIndices) -> PixelValues:
    """Return the confidence where cells end: those of later cells are below."""
    return _confidence((cells + 1) / _PER_NAT + _LOWEST)


def replace_confidence(z: Block, confidence: Callable[[PixelValues], PixelValues]) -> Block:
    """Return log probabilities whose top one, p, becomes q = `confidence(p)`, the others times (1 - q) / (1 - p).

    With s the share of the largest other in all others, times exp(1e-3), the top label leads that one by 0.1 % where
    q >= (1 - q) s, so q is at least s / (1 + s), which is at most 0.50025. q is 1 - 1e-6 at most.
    """
    top, rest, log_odds = _split_top(z)
    live, at = np.isfinite(rest), np.arange(z.shape[1])
    share = np.exp(rest.max(axis=0) - np.where(np.isfinite(log_odds), log_odds, 0.0) + LEAD)
    q = np.clip(confidence(_confidence(log_odds)), share / (1 + share), HIGHEST_CONFIDENCE)
    others = np.where(live, rest, 0.0) - np.where(np.isfinite(log_odds), log_odds, 0.0) + np.log1p(-q)
    scores = np.where(live, others, -np.inf)
    scores[top, at] = np.log(q)
    return keep_on_top(scores, top)


def piecewise_line(ends: PixelValues, origins: PixelValues, starts: PixelValues, slopes: PixelValues) -> Line:
    """Return a line in pieces as the compiled twin of `replace_confidence` reads it: a piece more than inner ends.

    It is `start + slope * (confidence - origin)` in each piece, which takes its right end. Pieces are added up to a
    power of two.
    """
    count = 1 << len(ends).bit_length()
    line = np.zeros((4, count))
    line[0] = np.inf
    for row, values in zip(line, (ends, origins, starts, slopes), strict=True):
        row[: len(values)] = values
    return line


def twin_of_line(line: Line) -> Callable[[LiveBlock], None]:
    """Return the compiled twin of `replace_confidence` by this line."""

    def twin(z: LiveBlock) -> None:
        from reliseg.calibration.compiled.transforms import set_confidence  # slow to import

        set_confidence(z, line, np.exp(LEAD), HIGHEST_CONFIDENCE)

    return twin


def _split_top(z: Block) -> tuple[PixelIndices, Block, PixelValues]:
    """Return the top column, the others' logits less its own (-inf at the top), and the log-sum-exp of these."""
    top, at = z.argmax(axis=0), np.arange(z.shape[1])
    rest = z - z[top, at]
    rest[top, at] = -np.inf
    second = rest.max(axis=0)
    second = np.where(np.isfinite(second), second, 0.0)
    with np.errstate(divide="ignore"):
        return top, rest, second + np.log(np.exp(rest - second).sum(axis=0))


def _confidence(log_odds: PixelValues) -> PixelValues:
    return 1 / (1 + np.exp(log_odds))

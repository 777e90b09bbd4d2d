"""The top label's confidence: how it is tallied over a sample, and how another one takes its place."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Float64, Int64

from reliseg.calibration.fitting.columns import ColumnReport, Ids, Values, kept_on_top, live_blocks
from reliseg.calibration.sample import CalibrationSample
from reliseg.types import Block, LiveBlock

HIGHEST = 1 - 1e-6
"""No confidence is set above this: a bin that is always right would give its errors an infinite loss."""
_LEAD = 1e-3
"""What the top label's log probability is above the others' at least: float32 interpolation cannot turn it round."""
_PER_NAT, _LOWEST, _MOST = 4096, -32, 6
CELLS = (_MOST - _LOWEST) * _PER_NAT
"""Fine cells of log((1 - p) / p), 1/4096 wide: they resolve confidences near 1, which cells of p would not."""

Line: TypeAlias = Float64[np.ndarray, "4 k"]
Index: TypeAlias = Callable[[Values, Values], Ids]
"""The group of each pixel from its log odds against the top label, and its confidence."""


@dataclass(frozen=True, eq=False)
class Tally:
    """Pixels, correct pixels and summed confidence of each group."""

    pixels: Int64[np.ndarray, " g"]
    correct: Int64[np.ndarray, " g"]
    confidence: Float64[np.ndarray, " g"]


def tally(sample: CalibrationSample, columns: ColumnReport, index: Index, groups: int) -> Tally:
    """The sample's pixels by group, in one pass."""
    pixels, correct, total = np.zeros(groups, np.int64), np.zeros(groups, np.int64), np.zeros(groups)
    for z, labels in live_blocks(sample, columns.live):
        top, _, log_odds = _apart(z)
        confidence = _confidence(log_odds)
        group = index(log_odds, confidence)
        pixels += np.bincount(group, minlength=groups)
        correct += np.bincount(group[top == labels], minlength=groups)
        total += np.bincount(group, weights=confidence, minlength=groups)
    return Tally(pixels, correct, total)


def is_share(values: Values) -> bool:
    """Whether all values lie in [0, 1]."""
    return bool(((values >= 0) & (values <= 1)).all())


def cell(log_odds: Values, confidence: Values) -> Ids:
    """The fine cell of each pixel: 0 is the surest."""
    return np.clip(np.floor((log_odds - _LOWEST) * _PER_NAT), 0, CELLS - 1).astype(np.int64)


def cell_end(cells: Ids) -> Values:
    """The confidence where cells end: those of later cells are below."""
    return _confidence((cells + 1) / _PER_NAT + _LOWEST)


def with_confidence(z: Block, confidence: Callable[[Values], Values]) -> Block:
    """Log probabilities whose top one, p, is replaced by q = `confidence(p)`, the others times (1 - q) / (1 - p).

    With s the share of the largest other in all others, times exp(1e-3), the top label leads that one by 0.1 % where
    q >= (1 - q) s, so q is at least s / (1 + s), which is at most 0.50025. q is 1 - 1e-6 at most.
    """
    top, rest, log_odds = _apart(z)
    live, at = np.isfinite(rest), np.arange(z.shape[1])
    share = np.exp(rest.max(axis=0) - np.where(np.isfinite(log_odds), log_odds, 0.0) + _LEAD)
    q = np.clip(confidence(_confidence(log_odds)), share / (1 + share), HIGHEST)
    others = np.where(live, rest, 0.0) - np.where(np.isfinite(log_odds), log_odds, 0.0) + np.log1p(-q)
    scores = np.where(live, others, -np.inf)
    scores[top, at] = np.log(q)
    return kept_on_top(scores, top)


def pieces(ends: Values, origins: Values, starts: Values, slopes: Values) -> Line:
    """A line in pieces, as the compiled twin of `with_confidence` reads it: one more than ends, the right one its own.

    `start + slope * (confidence - origin)` of each piece. Pieces are added up to a power of two.
    """
    count = 1 << len(ends).bit_length()
    line = np.zeros((4, count))
    line[0] = np.inf
    for row, values in zip(line, (ends, origins, starts, slopes), strict=True):
        row[: len(values)] = values
    return line


def in_place(line: Line) -> Callable[[LiveBlock], None]:
    """What sets the confidence of the top label to that of a line."""

    def twin(z: LiveBlock) -> None:
        from reliseg.calibration.compiled.transforms import set_confidence  # slow to import

        set_confidence(z, line, np.exp(_LEAD), HIGHEST)

    return twin


def _apart(z: Block) -> tuple[Ids, Block, Values]:
    """The top column, the others' logits below its own (-inf at the top), and the log of their summed exponentials."""
    top, at = z.argmax(axis=0), np.arange(z.shape[1])
    rest = z - z[top, at]
    rest[top, at] = -np.inf
    second = rest.max(axis=0)
    second = np.where(np.isfinite(second), second, 0.0)
    with np.errstate(divide="ignore"):
        return top, rest, second + np.log(np.exp(rest - second).sum(axis=0))


def _confidence(log_odds: Values) -> Values:
    return 1 / (1 + np.exp(log_odds))

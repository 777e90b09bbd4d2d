"""The columns of a sample that count, its pixels in blocks of these, and a way to keep the argmax."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from reliseg.calibration.sample import CalibrationSample, PixelIndices
from reliseg.errors import CalibrationError, ColumnsError
from reliseg.prediction import Prediction
from reliseg.types import Block, Bool

_PIXELS = 1 << 13
"""Pixels of a block: its float64 arrays stay in the processor's cache."""


@dataclass(frozen=True, eq=False)
class ColumnUse:
    """Which columns of a sample are live (some model class goes there), and which of those occur as labels."""

    live: Bool[np.ndarray, " y"]
    present: Bool[np.ndarray, " c"]


def inspect_columns(sample: CalibrationSample, name: str) -> ColumnUse:
    """Return how the sample uses its columns; a CalibrationError where there is nothing to fit on."""
    if not len(sample):
        raise CalibrationError(f"{name}: all pixels of the calibration split are void or unknown")
    if sample.is_constant():
        raise CalibrationError(f"{name}: the logits of each pixel are all equal, so there is nothing to calibrate")
    columns = sample.parts[0][0].shape[1]
    always, ever, counts = np.ones(columns, bool), np.zeros(columns, bool), np.zeros(256, np.int64)
    for logits, labels in sample.blocks():
        if not logits.max(initial=-np.inf) < np.inf:
            raise CalibrationError(f"{name}: the sample has logits that are NaN or infinite")
        finite = logits > -np.inf
        always &= finite.all(axis=0)
        ever |= finite.any(axis=0)
        counts += np.bincount(labels, minlength=256)
    if (always != ever).any():
        mixed = ", ".join(map(str, np.flatnonzero(always != ever)))
        raise CalibrationError(
            f"{name}: logits of -inf at some pixels and finite ones at others, in columns {mixed}; give finite logits "
            "(-inf throughout is a column that no model class goes to)"
        )
    if counts[columns:].any() or counts[:columns][~ever].any():
        raise CalibrationError(f"{name}: the sample has labels that no column with finite logits stands for")
    return ColumnUse(ever, counts[:columns][ever] > 0)


def live_blocks(sample: CalibrationSample, live: Bool[np.ndarray, " y"]) -> Iterator[tuple[Block, PixelIndices]]:
    """Yield all pixels in small blocks: float64 logits of the live columns, and labels as places among those."""
    place = np.cumsum(live) - 1
    for logits, labels in sample.blocks(_PIXELS):
        yield np.array(logits.T[live], np.float64, order="C"), place[labels]


def log_softmax(z: Block) -> Block:
    """Return the logs of probabilities; finite for finite logits, and -inf stays."""
    below = z - z.max(axis=0)
    return np.asarray(below - np.log(np.exp(below).sum(axis=0)))


def keep_on_top(scores: Block, top: PixelIndices) -> Block:
    """Return the scores, none above that of `top` and those of earlier columns below it, in float32 too."""
    highest = scores[top, np.arange(len(top))]
    below = np.nextafter(highest.astype(np.float32), np.float32(-np.inf)).astype(np.float64)
    earlier = np.arange(len(scores))[:, None] < top
    return np.minimum(scores, np.where(earlier, below, highest))


def live_columns(prediction: Prediction) -> PixelIndices:
    """Return the columns that some model class goes to, in order."""
    return np.unique(prediction.view().groups)


def check_live_columns(name: str, prediction: Prediction, live: Sequence[int] | PixelIndices) -> None:
    """Raise a CalibrationError where the model's classes go to other columns than in the sample."""
    if not np.array_equal(live_columns(prediction), live):
        raise CalibrationError(
            f"{name}: the model's classes go to other columns than in the fit; fit the calibration again"
        )


def check_column_count(name: str, fitted: int, columns: int) -> None:
    """Raise a ColumnsError where a prediction has another number of columns than the sample had."""
    if fitted != columns:
        raise ColumnsError(f"{name}: fitted on {fitted} columns (classes and other), the prediction has {columns}")

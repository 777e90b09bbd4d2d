"""Isotonic regression of the top label."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from reliseg.calibration.base import Calibration, Calibrator
from reliseg.calibration.fitting.columns import inspect_columns
from reliseg.calibration.fitting.top_label import (
    CELLS,
    Line,
    are_shares,
    count_groups,
    log_odds_cell,
    piecewise_line,
    replace_confidence,
    twin_of_line,
)
from reliseg.calibration.sample import CalibrationSample
from reliseg.errors import MissingExtraError
from reliseg.prediction import Prediction
from reliseg.stats.view import CompiledTransform
from reliseg.types import Block


@dataclass(frozen=True)
class Monotone(Calibration):
    """The confidence of the top label is read off a rising line through (`confidences`, `accuracies`).

    Flat beyond its ends. Other probabilities keep their proportions. Confidences are kept where the top label stays
    on top (by 0.1 %), and at most 1 - 1e-6, so that the loss of an error stays finite.
    """

    confidences: tuple[float, ...]
    accuracies: tuple[float, ...]
    keeps_argmax: ClassVar[bool] = True

    def __post_init__(self) -> None:
        x, y = np.array(self.confidences), np.array(self.accuracies)
        rising = len(x) == len(y) > 0 and (np.diff(x) > 0).all() and (np.diff(y) >= 0).all()
        if not rising or not are_shares(x) or not are_shares(y):
            raise ValueError("these are not points of a rising line")

    def __call__(self, prediction: Prediction) -> Prediction:
        """Return the prediction with log probabilities as logits."""
        twin = twin_of_line(self.line())
        return replace(prediction, transform=CompiledTransform(self.transform, twin, self.keeps_argmax))

    def line(self) -> Line:
        """Return the new confidence as a line in pieces: those between the points, and the flat ends."""
        x, y = np.array(self.confidences), np.array(self.accuracies)
        slopes = np.concatenate([[0.0], np.diff(y) / np.diff(x), [0.0]])
        return piecewise_line(x, np.append(x[0], x), np.append(y[0], y), slopes)

    def transform(self, z: Block) -> Block:
        """Return log probabilities with the new confidence."""
        x, y = np.array(self.confidences), np.array(self.accuracies)
        return replace_confidence(z, lambda p: np.interp(p, x, y))


@dataclass(frozen=True)
class Isotonic(Calibrator):
    """The confidence of the top label becomes a non-decreasing function of it (Zadrozny and Elkan, KDD 2002).

    The least squared error, by scikit-learn. Pixels whose log odds share a cell of 1/4096 count as one point of that
    weight, at their mean confidence: memory does not grow with the sample.
    """

    def fit(self, sample: CalibrationSample) -> Monotone:
        """Return the points of the line; a MissingExtraError without scikit-learn."""
        columns = inspect_columns(sample, "isotonic")
        try:
            from sklearn.isotonic import IsotonicRegression  # slow to import
        except ImportError as error:
            raise MissingExtraError("scikit-learn", "cluster", "isotonic") from error
        counts = count_groups(sample, columns, log_odds_cell, CELLS)
        filled = counts.pixels > 0
        pixels = counts.pixels[filled].astype(np.float64)
        line = IsotonicRegression(y_min=0, y_max=1, increasing=True, out_of_bounds="clip")
        line.fit(counts.confidence[filled] / pixels, counts.correct[filled] / pixels, sample_weight=pixels)
        return Monotone(tuple(line.X_thresholds_.tolist()), tuple(line.y_thresholds_.tolist()))

    def restore(self, parameters: dict[str, Any]) -> Monotone:
        """Return the calibration with this line."""
        confidences, accuracies = (tuple(float(v) for v in parameters[key]) for key in ("confidences", "accuracies"))
        return Monotone(confidences, accuracies)

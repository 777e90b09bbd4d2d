"""Histogram binning of the top label."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from reliseg.calibration.base import Calibration, Calibrator
from reliseg.calibration.fitting.columns import ColumnUse, inspect_columns
from reliseg.calibration.fitting.top_label import (
    CELLS,
    Line,
    are_shares,
    cell_end_confidence,
    count_groups,
    log_odds_cell,
    piecewise_line,
    replace_confidence,
    twin_of_line,
)
from reliseg.calibration.parameters import is_natural, require
from reliseg.calibration.sample import CalibrationSample, PixelIndices, PixelValues
from reliseg.prediction import Prediction
from reliseg.stats.view import CompiledTransform
from reliseg.types import Block, Float64

_WAYS = ("width", "count")
_MOST = 10_000


@dataclass(frozen=True)
class Binned(Calibration):
    """The confidence of the top label becomes the value of its bin; bins are right-closed, between `edges`.

    Other probabilities keep their proportions. Confidences are kept where the top label stays on top (by 0.1 %), and
    at most 1 - 1e-6, so that the loss of an error stays finite.
    """

    edges: tuple[float, ...]
    values: tuple[float, ...]
    keeps_argmax: ClassVar[bool] = True

    def __post_init__(self) -> None:
        edges, values = np.array(self.edges), np.array(self.values)
        if (
            len(edges) != len(values) + 1
            or not (np.diff(edges) > 0).all()
            or not are_shares(edges)
            or not are_shares(values)
        ):
            raise ValueError("these are not bins of confidence with a value each")

    def __call__(self, prediction: Prediction) -> Prediction:
        """Return the prediction with log probabilities as logits."""
        twin = twin_of_line(self.line())
        return replace(prediction, transform=CompiledTransform(self.transform, twin, self.keeps_argmax))

    def line(self) -> Line:
        """Return the new confidence as a line in pieces: a flat one for each bin."""
        edges, values = np.array(self.edges), np.array(self.values)
        return piecewise_line(edges[1:-1], np.zeros(len(values)), values, np.zeros(len(values)))

    def transform(self, z: Block) -> Block:
        """Return log probabilities with the new confidence."""
        edges, values = np.array(self.edges), np.array(self.values)
        return replace_confidence(z, lambda p: values[_bin_of(edges, p)])


@dataclass(frozen=True)
class Histogram(Calibrator):
    """The confidence of the top label becomes the accuracy of its bin (Zadrozny and Elkan, ICML 2001).

    Bins of `equal` "width", or of equal "count" of pixels: the edges of those are rounded to 1/4096 of log odds, and
    there are fewer where many pixels are alike. A bin without pixels has its middle as value.
    """

    bins: int = 15
    equal: str = "width"

    def __post_init__(self) -> None:
        natural = is_natural(self.bins, 1) and self.bins <= _MOST
        require(natural, "histogram", "bins", self.bins, f"a number from 1 to {_MOST}")
        require(self.equal in _WAYS, "histogram", "equal", self.equal, "width or count")

    def fit(self, sample: CalibrationSample) -> Binned:
        """Return the edges, and the accuracy of each bin."""
        columns = inspect_columns(sample, "histogram")
        edges = (
            np.arange(self.bins + 1) / self.bins
            if self.equal == "width"
            else self._edges_of_equal_count(sample, columns)
        )
        counts = count_groups(sample, columns, lambda _, p: _bin_of(edges, p), len(edges) - 1)
        middles = (edges[1:] + edges[:-1]) / 2
        values = np.where(counts.pixels > 0, counts.correct / np.maximum(counts.pixels, 1), middles)
        return Binned(tuple(edges.tolist()), tuple(values.tolist()))

    def restore(self, parameters: dict[str, Any]) -> Binned:
        """Return the calibration with these bins."""
        edges, values = (tuple(float(v) for v in parameters[key]) for key in ("edges", "values"))
        return Binned(edges, values)

    def _edges_of_equal_count(self, sample: CalibrationSample, columns: ColumnUse) -> Float64[np.ndarray, " e"]:
        """Return edges between bins of about as many pixels."""
        surer = np.cumsum(count_groups(sample, columns, log_odds_cell, CELLS).pixels)
        targets = np.arange(1, self.bins) * len(sample) / self.bins
        last = np.searchsorted(surer, targets)
        inner = cell_end_confidence(last[surer[last] < len(sample)])
        return np.unique(np.concatenate([[0.0], inner, [1.0]]))


def _bin_of(edges: Float64[np.ndarray, " e"], confidence: PixelValues) -> PixelIndices:
    return np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, len(edges) - 2)

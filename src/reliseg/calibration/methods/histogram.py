"""Histogram binning of the top label."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float64

from reliseg.calibration.base import Calibration, Calibrator
from reliseg.calibration.fitting.columns import ColumnReport, Ids, Values, inspect_columns
from reliseg.calibration.fitting.top_label import (
    CELLS,
    cell,
    cell_end,
    in_place,
    is_share,
    pieces,
    tally,
    with_confidence,
)
from reliseg.calibration.parameters import is_natural, required
from reliseg.calibration.sample import CalibrationSample
from reliseg.prediction import Prediction
from reliseg.stats.view import CompiledTransform
from reliseg.types import Block

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
            or not is_share(edges)
            or not is_share(values)
        ):
            raise ValueError("these are not bins of confidence with a value each")

    def __call__(self, prediction: Prediction) -> Prediction:
        """The prediction with log probabilities as logits."""
        edges, values = np.array(self.edges), np.array(self.values)
        line = pieces(edges[1:-1], np.zeros(len(values)), values, np.zeros(len(values)))
        return replace(prediction, transform=CompiledTransform(self.transformed, in_place(line), self.keeps_argmax))

    def transformed(self, z: Block) -> Block:
        """Log probabilities with the new confidence."""
        edges, values = np.array(self.edges), np.array(self.values)
        return with_confidence(z, lambda p: values[_bin(edges, p)])


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
        required(natural, "histogram", "bins", self.bins, f"a number from 1 to {_MOST}")
        required(self.equal in _WAYS, "histogram", "equal", self.equal, "width or count")

    def fit(self, sample: CalibrationSample) -> Binned:
        """The edges, and the accuracy of each bin."""
        columns = inspect_columns(sample, "histogram")
        edges = np.arange(self.bins + 1) / self.bins if self.equal == "width" else self._counted(sample, columns)
        found = tally(sample, columns, lambda _, p: _bin(edges, p), len(edges) - 1)
        middles = (edges[1:] + edges[:-1]) / 2
        values = np.where(found.pixels > 0, found.correct / np.maximum(found.pixels, 1), middles)
        return Binned(tuple(edges.tolist()), tuple(values.tolist()))

    def restore(self, parameters: dict[str, Any]) -> Binned:
        """The calibration with these bins."""
        edges, values = (tuple(float(v) for v in parameters[key]) for key in ("edges", "values"))
        return Binned(edges, values)

    def _counted(self, sample: CalibrationSample, columns: ColumnReport) -> Float64[np.ndarray, " e"]:
        """Edges between bins of about as many pixels."""
        surer = np.cumsum(tally(sample, columns, cell, CELLS).pixels)
        wanted = np.arange(1, self.bins) * len(sample) / self.bins
        last = np.searchsorted(surer, wanted)
        inner = cell_end(last[surer[last] < len(sample)])
        return np.unique(np.concatenate([[0.0], inner, [1.0]]))


def _bin(edges: Float64[np.ndarray, " e"], confidence: Values) -> Ids:
    return np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, len(edges) - 2)

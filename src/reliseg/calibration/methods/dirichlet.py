"""Dirichlet calibration."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from reliseg.calibration.base import Calibration, Calibrator
from reliseg.calibration.fitting.affine import AffineFit, apply_affine, pack_affine
from reliseg.calibration.fitting.columns import check_column_count, inspect_columns, live_columns, log_softmax
from reliseg.calibration.fitting.inverse_temperature import fit_inverse_temperature
from reliseg.calibration.parameters import require_positive
from reliseg.calibration.sample import CalibrationSample
from reliseg.prediction import Prediction
from reliseg.stats.view import CompiledTransform
from reliseg.types import Block, LiveBlock

_RIDGE = 1e-6
"""Cost of the diagonal's mean squared distance from 1/T: it stays finite where classes are separable."""


@dataclass(frozen=True)
class DirichletMap(Calibration):
    """softmax(W log p + b), with a row of `weights` for each class; the last row and column are those of `other`."""

    weights: tuple[tuple[float, ...], ...]
    biases: tuple[float, ...]
    keeps_argmax: ClassVar[bool] = False

    def __call__(self, prediction: Prediction) -> Prediction:
        """Return the prediction with its log probabilities mapped."""
        check_column_count("dirichlet", len(self.biases), prediction.columns)
        live = live_columns(prediction)
        weights, biases = pack_affine(np.array(self.weights)[np.ix_(live, live)], np.array(self.biases)[live])

        def in_place(z: LiveBlock) -> None:
            from reliseg.calibration.compiled.transforms import map_log_probabilities  # slow to import

            map_log_probabilities(z, weights, biases)

        return replace(prediction, transform=CompiledTransform(self.transform, in_place))

    def transform(self, z: Block) -> Block:
        """Return mapped log probabilities; columns at -inf add nothing to the others and stay."""
        finite = np.isfinite(z)
        scores = apply_affine(np.array(self.weights), np.array(self.biases), np.where(finite, log_softmax(z), 0.0))
        return np.where(finite, scores, -np.inf)


@dataclass(frozen=True)
class Dirichlet(Calibrator):
    """A linear map of the log probabilities, with the least negative log-likelihood (Kull et al., NeurIPS 2019).

    ODIR: `off_diagonal` times the mean square of W off its diagonal and `bias` times that of b are added to the mean
    loss. Both are 1e-3 unless given; the paper chooses them by cross-validation. L-BFGS from W = I / T, the best
    single temperature, and never worse than that on the sample. Classes that do not occur in the sample keep their
    row of I / T and bias 0; the biases of the others add up to 0.
    """

    off_diagonal: float = 1e-3
    bias: float = 1e-3

    def __post_init__(self) -> None:
        for name, value in (("off_diagonal", self.off_diagonal), ("bias", self.bias)):
            require_positive("dirichlet", name, value)

    def fit(self, sample: CalibrationSample) -> DirichletMap:
        """Return the map of all columns."""
        columns = inspect_columns(sample, "dirichlet")
        inverse_temperature = fit_inverse_temperature(sample)
        live, place = len(columns.present), np.flatnonzero(columns.live)
        cost = np.full((live, live), self.off_diagonal / max(live * (live - 1), 1))
        np.fill_diagonal(cost, _RIDGE / live)
        start = inverse_temperature * np.eye(live)
        of_live = AffineFit(sample, columns, log_softmax, start, cost, self.bias / live).solve()
        weights, biases = inverse_temperature * np.eye(len(columns.live)), np.zeros(len(columns.live))
        weights[np.ix_(place, place)], biases[place] = of_live
        return DirichletMap(tuple(map(tuple, weights.tolist())), tuple(biases.tolist()))

    def restore(self, parameters: dict[str, Any]) -> DirichletMap:
        """Return the calibration with this map."""
        weights = tuple(tuple(float(v) for v in row) for row in parameters["weights"])
        return DirichletMap(weights, tuple(float(v) for v in parameters["biases"]))

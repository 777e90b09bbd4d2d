"""Vector scaling."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from reliseg.calibration.base import Calibration, Calibrator
from reliseg.calibration.fitting.affine import AffineFit, apply_affine
from reliseg.calibration.fitting.columns import check_column_count, inspect_columns, live_columns
from reliseg.calibration.fitting.inverse_temperature import fit_inverse_temperature
from reliseg.calibration.parameters import require_positive
from reliseg.calibration.sample import CalibrationSample
from reliseg.prediction import Prediction
from reliseg.stats.view import CompiledTransform
from reliseg.types import Block, LiveBlock


@dataclass(frozen=True)
class ScaledVector(Calibration):
    """softmax(scales * z + biases), a scale and a bias for each class; the last ones are those of `other`."""

    scales: tuple[float, ...]
    biases: tuple[float, ...]
    keeps_argmax: ClassVar[bool] = False

    def __call__(self, prediction: Prediction) -> Prediction:
        """Return the prediction with the logits of each class scaled and shifted."""
        check_column_count("vector", len(self.scales), prediction.columns)
        live = live_columns(prediction)
        scales, biases = (np.array(v, np.float32)[live] for v in (self.scales, self.biases))

        def in_place(z: LiveBlock) -> None:
            from reliseg.calibration.compiled.transforms import scale  # slow to import

            scale(z, scales, biases)

        return replace(prediction, transform=CompiledTransform(self.transform, in_place))

    def transform(self, z: Block) -> Block:
        """Return scaled and shifted logits; -inf stays, whatever the sign of its scale."""
        finite = np.isfinite(z)
        scores = apply_affine(np.array(self.scales), np.array(self.biases), np.where(finite, z, 0.0))
        return np.where(finite, scores, -np.inf)


@dataclass(frozen=True)
class Vector(Calibrator):
    """One scale and one bias for each class, with the least negative log-likelihood (Guo et al. 2017, section 4.2).

    L-BFGS from the best single temperature, and never worse than that on the sample. `ridge` times the mean squared
    distance of the scales from 1/T, and of the biases from 0, keeps them finite where classes are separable. Classes
    that do not occur in the sample keep 1/T and 0; the biases of the others add up to 0.
    """

    ridge: float = 1e-6

    def __post_init__(self) -> None:
        require_positive("vector", "ridge", self.ridge)

    def fit(self, sample: CalibrationSample) -> ScaledVector:
        """Return the scales and biases of all columns."""
        columns = inspect_columns(sample, "vector")
        inverse_temperature = fit_inverse_temperature(sample)
        live = len(columns.present)
        start, cost = np.full(live, inverse_temperature), np.full(live, self.ridge / live)
        of_live = AffineFit(sample, columns, _logits, start, cost, self.ridge / live).solve()
        scales, biases = np.full(len(columns.live), inverse_temperature), np.zeros(len(columns.live))
        scales[columns.live], biases[columns.live] = of_live
        return ScaledVector(tuple(scales.tolist()), tuple(biases.tolist()))

    def restore(self, parameters: dict[str, Any]) -> ScaledVector:
        """Return the calibration with these scales and biases."""
        scales, biases = (tuple(float(v) for v in parameters[key]) for key in ("scales", "biases"))
        return ScaledVector(scales, biases)


def _logits(z: Block) -> Block:
    return z

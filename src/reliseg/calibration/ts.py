"""Temperature scaling."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from reliseg.calibration.base import Calibration, CalibrationSample, Calibrator
from reliseg.errors import CalibrationError
from reliseg.prediction import Prediction

LOWEST, HIGHEST = 0.05, 20.0
_TOLERANCE = 1e-8
_STEPS = 60


@dataclass(frozen=True)
class Scaled(Calibration):
    """softmax(logits / temperature); no unit, 1 changes nothing."""

    temperature: float
    keeps_argmax: ClassVar[bool] = True

    def __call__(self, prediction: Prediction) -> Prediction:
        """The prediction with its logits divided by the temperature."""
        slopes = np.full(prediction.columns, 1 / self.temperature)
        return replace(prediction, inverse_temperatures=slopes)


@dataclass(frozen=True)
class Temperature(Calibrator):
    """The one temperature in [1/20, 20] with the least negative log-likelihood (Guo et al. 2017, section 4.2).

    The likelihood is convex in 1/T: safeguarded Newton steps in 1/T, to 1e-6 in T.
    """

    def fit(self, sample: CalibrationSample) -> Scaled:
        """The temperature; a bound where the optimum lies beyond."""
        if not len(sample):
            raise CalibrationError("ts: the calibration split has no counted pixel")
        low, high = 1 / HIGHEST, 1 / LOWEST
        slope = 1.0
        for _ in range(_STEPS):
            gradient, curvature = _derivatives(sample, slope)
            if gradient == 0:
                break
            low, high = (slope, high) if gradient < 0 else (low, slope)
            step = slope - gradient / curvature if curvature > 0 else np.inf
            # A step that leaves the bracket (or has no curvature to go by) is replaced by its middle or its bound.
            following = step if low < step < high else (low + high) / 2
            if step <= low == 1 / HIGHEST or step >= high == 1 / LOWEST:
                following = low if gradient > 0 else high
            moved, slope = abs(following - slope), following
            if moved < _TOLERANCE * slope:
                break
        return Scaled(1 / slope)

    def restore(self, parameters: dict[str, Any]) -> Scaled:
        """The calibration with this temperature."""
        return Scaled(float(parameters["temperature"]))


def _derivatives(sample: CalibrationSample, slope: float) -> tuple[float, float]:
    """First and second derivative of the mean NLL with respect to 1/T: E[z] - z_label, and Var[z], over softmax."""
    gradient = curvature = 0.0
    for logits, labels in sample.blocks():
        z = logits.astype(np.float64)
        z -= z.max(axis=1, keepdims=True)
        p = np.exp(z * slope)
        p /= p.sum(axis=1, keepdims=True)
        z = np.where(p > 0, z, 0.0)
        mean = (p * z).sum(axis=1)
        gradient += float((mean - z[np.arange(len(z)), labels]).sum())
        curvature += float(((p * z * z).sum(axis=1) - mean**2).sum())
    return gradient / len(sample), curvature / len(sample)

"""Temperature scaling."""

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from reliseg.calibration.base import Calibration, CalibrationSample, Calibrator
from reliseg.errors import CalibrationError
from reliseg.prediction import Prediction

LOWEST, HIGHEST = 0.05, 20.0
_TOLERANCE = 1e-9


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

    The likelihood is convex in 1/T, so its derivative has one root: Brent's method, to 1e-9 in log T.
    """

    def fit(self, sample: CalibrationSample) -> Scaled:
        """The temperature; a bound where the optimum lies beyond."""
        from scipy.optimize import brentq  # slow to import

        if not len(sample):
            raise CalibrationError("ts: the calibration split has no counted pixel")

        def gradient(log_temperature: float) -> float:
            return _gradient(sample, math.exp(-log_temperature))

        low, high = math.log(LOWEST), math.log(HIGHEST)
        if gradient(low) == gradient(high) == 0:
            raise CalibrationError("ts: the logits of every pixel are all equal: no temperature changes anything")
        if gradient(low) <= 0:
            return Scaled(LOWEST)
        if gradient(high) >= 0:
            return Scaled(HIGHEST)
        return Scaled(math.exp(brentq(gradient, low, high, xtol=_TOLERANCE)))

    def restore(self, parameters: dict[str, Any]) -> Scaled:
        """The calibration with this temperature."""
        return Scaled(float(parameters["temperature"]))


def _gradient(sample: CalibrationSample, slope: float) -> float:
    """Derivative of the mean NLL with respect to 1/T: the softmax's mean of z minus the label's z."""
    total = 0.0
    for logits, labels in sample.blocks():
        z = logits.astype(np.float64)
        z -= z.max(axis=1, keepdims=True)
        p = np.exp(z * slope)
        p /= p.sum(axis=1, keepdims=True)
        z = np.where(np.isfinite(z), z, 0.0)  # columns that no model class goes to have p = 0
        total += float((p * z).sum() - z[np.arange(len(z)), labels].sum())
    return total / len(sample)

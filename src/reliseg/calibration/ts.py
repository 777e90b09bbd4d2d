"""Temperature scaling."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from reliseg.calibration._slopes import HIGHEST, LOWEST, best_slopes
from reliseg.calibration.base import Calibration, CalibrationSample, Calibrator
from reliseg.errors import CalibrationError
from reliseg.prediction import Prediction


@dataclass(frozen=True)
class Scaled(Calibration):
    """softmax(logits / temperature); no unit, 1 changes nothing."""

    temperature: float
    keeps_argmax: ClassVar[bool] = True

    def __call__(self, prediction: Prediction) -> Prediction:
        """The prediction with its logits divided by the temperature."""
        slopes = np.full(prediction.columns, 1 / self.temperature)
        return replace(prediction, inverse_temperatures=slopes)

    def notes(self) -> list[str]:
        """Whether the temperature stands at the end of its range."""
        if LOWEST < self.temperature < HIGHEST:
            return []
        return [f"the temperature is at the end of its range, {self.temperature:g}: the model's logits say too little"]


@dataclass(frozen=True)
class Temperature(Calibrator):
    """The one temperature in [1/20, 20] with the least negative log-likelihood (Guo et al. 2017, section 4.2).

    The likelihood is convex in 1/T: Newton's method in a bracket, to 1e-9.
    """

    def fit(self, sample: CalibrationSample) -> Scaled:
        """The temperature; a bound where the optimum lies beyond."""
        if not len(sample):
            raise CalibrationError("ts: the calibration split has no counted pixel")
        if sample.is_constant():
            raise CalibrationError("ts: the logits of every pixel are all equal: no temperature changes anything")
        slopes, _ = best_slopes(sample.grouped, 1)
        return Scaled(1 / float(slopes[0]))

    def restore(self, parameters: dict[str, Any]) -> Scaled:
        """The calibration with this temperature."""
        return Scaled(float(parameters["temperature"]))

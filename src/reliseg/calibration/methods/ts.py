"""Temperature scaling."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from reliseg.calibration.base import Calibration, Calibrator
from reliseg.calibration.fitting.columns import inspect_columns
from reliseg.calibration.fitting.inverse_temperature import (
    HIGHEST,
    LOWEST,
    check_range,
    fit_inverse_temperature,
    range_notes,
)
from reliseg.calibration.fitting.least_ece import TEMPERATURES, fit_least_ece
from reliseg.calibration.parameters import require
from reliseg.calibration.sample import CalibrationSample
from reliseg.prediction import Prediction

_RANGES = {"nll": (LOWEST, HIGHEST), "ece": (TEMPERATURES[0], TEMPERATURES[-1])}
"""The objectives, and the range of temperatures of each."""


@dataclass(frozen=True)
class Scaled(Calibration):
    """softmax(logits / temperature); no unit, 1 changes nothing. `objective` says what it was chosen by."""

    temperature: float
    objective: str = "nll"
    keeps_argmax: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_range([self.temperature], *_RANGES[self.objective])

    def __call__(self, prediction: Prediction) -> Prediction:
        """Return the prediction with its logits divided by the temperature."""
        inverse_temperatures = np.full(prediction.columns, 1 / self.temperature)
        return replace(prediction, inverse_temperatures=inverse_temperatures)

    def notes(self) -> list[str]:
        """Return a line where the temperature stands at the end of its range."""
        return range_notes([self.temperature], *_RANGES[self.objective])


@dataclass(frozen=True)
class Temperature(Calibrator):
    """One temperature in [1/20, 20], with the least negative log-likelihood (Guo et al. 2017, section 4.2).

    The likelihood is convex in 1/T: Newton's method in a bracket, to 1e-9. With `objective` "ece" it is the one of
    0.5, 0.51, ..., 9.99 with the least ECE (ece/15/equal-width/(l,r]) on the sample, the smallest of equal ones, as in
    the study's scripts (de Jorge et al., CVPR 2023); that may raise the likelihood loss.
    """

    objective: str = "nll"

    def __post_init__(self) -> None:
        require(self.objective in tuple(_RANGES), "ts", "objective", self.objective, "nll or ece")

    def fit(self, sample: CalibrationSample) -> Scaled:
        """Return the temperature; a bound where the optimum of the likelihood lies beyond."""
        inspect_columns(sample, "ts")
        if self.objective == "ece":
            return Scaled(fit_least_ece(sample), "ece")
        return Scaled(1 / fit_inverse_temperature(sample))

    def restore(self, parameters: dict[str, Any]) -> Scaled:
        """Return the calibration with this temperature."""
        return Scaled(float(parameters["temperature"]), parameters.get("objective", "nll"))

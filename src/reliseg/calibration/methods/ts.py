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
    end_notes,
    fit_inverse_temperatures,
)
from reliseg.calibration.fitting.least_ece import TEMPERATURES, least_ece
from reliseg.calibration.parameters import required
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
        """The prediction with its logits divided by the temperature."""
        slopes = np.full(prediction.columns, 1 / self.temperature)
        return replace(prediction, inverse_temperatures=slopes)

    def notes(self) -> list[str]:
        """Whether the temperature stands at the end of its range."""
        return end_notes([self.temperature], *_RANGES[self.objective])


@dataclass(frozen=True)
class Temperature(Calibrator):
    """One temperature in [1/20, 20], with the least negative log-likelihood (Guo et al. 2017, section 4.2).

    The likelihood is convex in 1/T: Newton's method in a bracket, to 1e-9. With `objective` "ece" it is the one of
    0.5, 0.51, ..., 9.99 with the least ECE (ece/15/equal-width/(l,r]) on the sample, the smallest of equal ones, as in
    the study's scripts (de Jorge et al., CVPR 2023); that may raise the likelihood loss.
    """

    objective: str = "nll"

    def __post_init__(self) -> None:
        required(self.objective in tuple(_RANGES), "ts", "objective", self.objective, "nll or ece")

    def fit(self, sample: CalibrationSample) -> Scaled:
        """The temperature; a bound where the optimum of the likelihood lies beyond."""
        inspect_columns(sample, "ts")
        if self.objective == "ece":
            return Scaled(least_ece(sample), "ece")
        slopes, _ = fit_inverse_temperatures(sample.grouped, 1)
        return Scaled(1 / float(slopes[0]))

    def restore(self, parameters: dict[str, Any]) -> Scaled:
        """The calibration with this temperature."""
        return Scaled(float(parameters["temperature"]), parameters.get("objective", "nll"))

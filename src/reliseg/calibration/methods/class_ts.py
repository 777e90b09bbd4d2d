"""Temperature scaling with a temperature for each predicted class."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from reliseg.calibration.base import Calibration, Calibrator
from reliseg.calibration.fitting.columns import check_columns, inspect_columns
from reliseg.calibration.fitting.inverse_temperature import check_range, end_notes, fit_inverse_temperatures, shrunk
from reliseg.calibration.parameters import is_amount, required
from reliseg.calibration.sample import CalibrationSample, Groups, Logits
from reliseg.prediction import Prediction


@dataclass(frozen=True)
class ScaledByClass(Calibration):
    """Logits are divided by the temperature of the predicted class; the last one is that of `other`."""

    temperatures: tuple[float, ...]
    keeps_argmax: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_range(self.temperatures)

    def __call__(self, prediction: Prediction) -> Prediction:
        """The prediction with the logits of each pixel divided by the temperature of its class."""
        check_columns("class_ts", len(self.temperatures), prediction.columns)
        return replace(prediction, inverse_temperatures=1 / np.array(self.temperatures))

    def notes(self) -> list[str]:
        """Whether temperatures stand at the end of their range."""
        return end_notes(self.temperatures)


@dataclass(frozen=True)
class ClassTemperature(Calibrator):
    """One temperature for each predicted class, with the least negative log-likelihood over its pixels.

    1/T of a class is drawn towards the global 1/T by `shrinkage` pixels' worth of it (0 turns that off), which
    cannot raise the likelihood loss of the sample above that of the global temperature. Classes that are never
    predicted get the global one.
    """

    shrinkage: float = 1000.0

    def __post_init__(self) -> None:
        required(is_amount(self.shrinkage), "class_ts", "shrinkage", self.shrinkage, "a number of pixels from 0")
        object.__setattr__(self, "shrinkage", float(self.shrinkage))

    def fit(self, sample: CalibrationSample) -> ScaledByClass:
        """The temperatures."""
        columns = len(inspect_columns(sample, "class_ts").live)
        everywhere, _ = fit_inverse_temperatures(sample.grouped, 1)
        slopes, counts = fit_inverse_temperatures(lambda: sample.grouped(_predicted), columns)
        return ScaledByClass(tuple((1 / shrunk(slopes, float(everywhere[0]), counts, self.shrinkage)).tolist()))

    def restore(self, parameters: dict[str, Any]) -> ScaledByClass:
        """The calibration with these temperatures."""
        return ScaledByClass(tuple(float(t) for t in parameters["temperatures"]))


def _predicted(logits: Logits, images: Groups) -> Groups:
    return logits.argmax(axis=1)

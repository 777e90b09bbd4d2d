"""Temperature scaling with a temperature for each predicted class."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from reliseg.calibration.base import Calibration, Calibrator
from reliseg.calibration.fitting.columns import check_column_count, inspect_columns
from reliseg.calibration.fitting.inverse_temperature import (
    check_range,
    fit_inverse_temperature,
    fit_inverse_temperatures,
    range_notes,
    shrink,
)
from reliseg.calibration.parameters import is_amount, require
from reliseg.calibration.sample import CalibrationSample, PixelIndices, PixelLogits
from reliseg.prediction import Prediction


@dataclass(frozen=True)
class ScaledByClass(Calibration):
    """Logits are divided by the temperature of the predicted class; the last one is that of `other`."""

    temperatures: tuple[float, ...]
    keeps_argmax: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_range(self.temperatures)

    def __call__(self, prediction: Prediction) -> Prediction:
        """Return the prediction with the logits of each pixel divided by the temperature of its class."""
        check_column_count("class_ts", len(self.temperatures), prediction.columns)
        return replace(prediction, inverse_temperatures=1 / np.array(self.temperatures))

    def notes(self) -> list[str]:
        """Return a line where temperatures stand at the end of their range."""
        return range_notes(self.temperatures)


@dataclass(frozen=True)
class ClassTemperature(Calibrator):
    """One temperature for each predicted class, with the least negative log-likelihood over its pixels.

    Temperatures lie in [1/20, 20]. 1/T of a class is shrunk towards that of all pixels, as if `shrinkage` of these were
    among the class's own (0 turns that off); this cannot raise the likelihood loss of the sample above that of the one
    temperature. Classes that are never predicted get that one.
    """

    shrinkage: float = 1000.0

    def __post_init__(self) -> None:
        require(is_amount(self.shrinkage), "class_ts", "shrinkage", self.shrinkage, "a number of pixels from 0")
        object.__setattr__(self, "shrinkage", float(self.shrinkage))

    def fit(self, sample: CalibrationSample) -> ScaledByClass:
        """Return the temperatures of all columns."""
        columns = len(inspect_columns(sample, "class_ts").live)
        everywhere = fit_inverse_temperature(sample)
        by_class, counts = fit_inverse_temperatures(
            lambda: sample.blocks_with_groups(_predicted_classes), columns, sample.training.threads
        )
        return ScaledByClass(tuple((1 / shrink(by_class, everywhere, counts, self.shrinkage)).tolist()))

    def restore(self, parameters: dict[str, Any]) -> ScaledByClass:
        """Return the calibration with these temperatures."""
        return ScaledByClass(tuple(float(t) for t in parameters["temperatures"]))


def _predicted_classes(logits: PixelLogits, images: PixelIndices) -> PixelIndices:
    return logits.argmax(axis=1)

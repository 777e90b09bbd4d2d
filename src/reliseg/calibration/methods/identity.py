"""No calibration: the model as it is."""

from dataclasses import dataclass
from typing import Any, ClassVar

from reliseg.calibration.base import Calibration, Calibrator
from reliseg.calibration.sample import CalibrationSample
from reliseg.prediction import Prediction


@dataclass(frozen=True)
class Unchanged(Calibration):
    """Logits stay as they are."""

    keeps_argmax: ClassVar[bool] = True

    def __call__(self, prediction: Prediction) -> Prediction:
        """Return the prediction itself."""
        return prediction


@dataclass(frozen=True)
class Identity(Calibrator):
    """No calibration: the baseline that every calibration is compared with."""

    fits: ClassVar[bool] = False

    def fit(self, sample: CalibrationSample) -> Unchanged:
        """Return what changes nothing; the sample is not read."""
        return Unchanged()

    def restore(self, parameters: dict[str, Any]) -> Unchanged:
        """Return what changes nothing; it has no parameters."""
        return Unchanged()

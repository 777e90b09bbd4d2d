"""The interface of calibrations: the method, unfitted, and the fitted thing, as two types."""

import hashlib
import json
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from reliseg.calibration.sample import CalibrationSample
from reliseg.prediction import Prediction
from reliseg.registry import Registry


@dataclass(frozen=True)
class Calibration(ABC):
    """Fitted: transforms predictions. Its fields are its parameters, plain numbers that JSON can hold."""

    keeps_argmax: ClassVar[bool]

    @property
    def needs_image(self) -> bool:
        """Whether predictions must come with their image."""
        return False

    @abstractmethod
    def __call__(self, prediction: Prediction) -> Prediction:
        """The calibrated prediction, with a field set that changes its logits; `prediction` is projected already."""

    def notes(self) -> list[str]:
        """What the user should know of these parameters, a line each."""
        return []

    def parameters(self) -> dict[str, Any]:
        """The fitted parameters, readable."""
        return asdict(self)

    def fingerprint(self) -> str:
        """Equal for calibrations that do the same: the sha256 of type and parameters."""
        content = json.dumps([type(self).__qualname__, self.parameters()], sort_keys=True, default=_bytes_of)
        return hashlib.sha256(content.encode()).hexdigest()


def _bytes_of(array: np.ndarray) -> list[Any]:
    return [str(array.dtype), array.shape, array.tobytes().hex()]


@dataclass(frozen=True)
class Calibrator(ABC):
    """Unfitted: a method and its parameters."""

    fits: ClassVar[bool] = True
    """Whether there is anything to fit."""
    needs_whole_images: ClassVar[bool] = False
    """Whether it trains on whole images beside the sample of pixels."""

    needs_feature: ClassVar[bool] = False
    """Whether each image of the sample must have its feature."""

    @property
    def needs_image(self) -> bool:
        """Whether those must come with the image itself."""
        return False

    @property
    def least_images(self) -> int:
        """The images that a sample must have for a fit to be possible, as far as parameters tell."""
        return 1

    def usual_seeds(self) -> tuple[int, ...]:
        """The seeds that it is fitted with, one calibration each, where its text names none; () for its own `seed`."""
        return ()

    @abstractmethod
    def fit(self, sample: CalibrationSample) -> Calibration:
        """The calibration with the best parameters for the sample; a CalibrationError where there is none."""

    @abstractmethod
    def restore(self, parameters: dict[str, Any]) -> Calibration:
        """The calibration with these parameters, as `parameters` gave them."""


CALIBRATORS: Registry[Calibrator] = Registry("reliseg.calibration", "methods", "Calibrator", "calibration")

"""The interface of calibrations: the method, unfitted, and the fitted thing, as two types."""

import hashlib
import json
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

import numpy as np

from reliseg.calibration.sample import CalibrationSample
from reliseg.prediction import Prediction
from reliseg.registry import Registry
from reliseg.runtime.text_files import quoted


@dataclass(frozen=True)
class Calibration(ABC):
    """Fitted: transforms predictions. Its fields are its parameters, plain numbers that JSON can hold."""

    keeps_argmax: ClassVar[bool]

    def __init_subclass__(cls) -> None:
        """Let every calibration be shown as they all are: some have thousands of parameters."""
        if "__repr__" not in vars(cls):
            type.__setattr__(cls, "__repr__", cls.__repr__)

    def __repr__(self) -> str:
        """Return the parameters on one line, long ones shortened."""
        values = [f"{f.name}={quoted(getattr(self, f.name))}" for f in fields(self)]
        return f"{type(self).__name__}({', '.join(values)})"

    @property
    def needs_image(self) -> bool:
        """Return whether predictions must come with their image."""
        return False

    @abstractmethod
    def __call__(self, prediction: Prediction) -> Prediction:
        """Return the prediction with a field set that changes its logits; it is projected already."""

    def notes(self) -> list[str]:
        """Return what the user should know of these parameters, a line each."""
        return []

    def parameters(self) -> dict[str, Any]:
        """Return the fitted parameters, readable."""
        return asdict(self)

    def fingerprint(self) -> str:
        """Return the sha256 of type and parameters: calibrations that do the same have the same."""
        content = json.dumps([type(self).__qualname__, self.parameters()], sort_keys=True, default=_encode_array)
        return hashlib.sha256(content.encode()).hexdigest()


def _encode_array(array: np.ndarray) -> list[Any]:
    return [str(array.dtype), array.shape, array.tobytes().hex()]


@dataclass(frozen=True)
class Calibrator(ABC):
    """Unfitted: a method and its parameters."""

    fits: ClassVar[bool] = True
    """False where there is nothing to fit."""
    needs_whole_images: ClassVar[bool] = False
    """True where it trains on whole images beside the sample of pixels."""

    needs_feature: ClassVar[bool] = False
    """True where each image of the sample must have its feature."""

    @property
    def needs_image(self) -> bool:
        """Return whether whole images must come with the image itself, beside its logits."""
        return False

    @property
    def least_images(self) -> int:
        """Return the images that a sample must have for a fit to be possible, as far as parameters tell."""
        return 1

    def usual_seeds(self) -> tuple[int, ...]:
        """Return the seeds that it is fitted with, a calibration each, where its text names none; () for its `seed`."""
        return ()

    @abstractmethod
    def fit(self, sample: CalibrationSample) -> Calibration:
        """Return the calibration with the best parameters for the sample.

        A CalibrationError where there is none: no method fits a sample without a counted pixel, or with logits that
        are all equal, NaN or infinite.
        """

    @abstractmethod
    def restore(self, parameters: dict[str, Any]) -> Calibration:
        """Return the calibration with these parameters, as `parameters` gave them."""


CALIBRATORS: Registry[Calibrator] = Registry(
    "reliseg.calibration", "methods", "Calibrator", "calibration", trial=lambda kind: kind()
)

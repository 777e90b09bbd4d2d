"""The interface of calibrations: the method, unfitted, and the fitted thing, as two types."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float32, UInt8

from reliseg.prediction import Prediction
from reliseg.registry import Registry


@dataclass(frozen=True, eq=False)
class CalibrationSample:
    """Counted pixels of a calibration split: logits in the data set's classes, and labels.

    Parts may be memory-mapped; they stand in the order of sample ids. Columns that no model class goes to
    are -inf; pixels labelled so are left out.
    """

    parts: Sequence[tuple[Float32[np.ndarray, "p y"], UInt8[np.ndarray, " p"]]]

    def blocks(self, pixels: int = 1 << 16) -> Iterator[tuple[Float32[np.ndarray, "p y"], UInt8[np.ndarray, " p"]]]:
        """All pixels, at most so many at a time."""
        for logits, labels in self.parts:
            for start in range(0, len(labels), pixels):
                yield np.asarray(logits[start : start + pixels]), np.asarray(labels[start : start + pixels])

    def __len__(self) -> int:
        return sum(len(labels) for _, labels in self.parts)


@dataclass(frozen=True)
class Calibration(ABC):
    """Fitted: transforms predictions. Its fields are its parameters, plain numbers that JSON can hold."""

    keeps_argmax: ClassVar[bool]

    @abstractmethod
    def __call__(self, prediction: Prediction) -> Prediction:
        """The calibrated prediction; `prediction` is projected already."""

    def parameters(self) -> dict[str, Any]:
        """The fitted parameters, readable."""
        return asdict(self)


@dataclass(frozen=True)
class Calibrator(ABC):
    """Unfitted: a method and its parameters."""

    fits: ClassVar[bool] = True
    """Whether there is anything to fit."""

    @abstractmethod
    def fit(self, sample: CalibrationSample) -> Calibration:
        """The calibration with the best parameters for the sample; a CalibrationError where there is none."""

    @abstractmethod
    def restore(self, parameters: dict[str, Any]) -> Calibration:
        """The calibration with these parameters, as `parameters` gave them."""


CALIBRATORS: Registry[Calibrator] = Registry("reliseg.calibration", "Calibrator", "calibration")

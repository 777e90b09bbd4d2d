"""Calibrations: what is fitted on a calibration split and changes logits afterwards."""

from reliseg.calibration.base import (
    CALIBRATORS,
    Calibration,
    CalibrationSample,
    Calibrator,
    Part,
    SampledImage,
    Training,
    WholeImage,
    calibrator,
    canonical,
    each_seed,
    written,
)
from reliseg.calibration.identity import Unchanged

__all__ = [
    "CALIBRATORS",
    "Calibration",
    "CalibrationSample",
    "Calibrator",
    "Part",
    "SampledImage",
    "Training",
    "Unchanged",
    "WholeImage",
    "calibrator",
    "canonical",
    "each_seed",
    "written",
]

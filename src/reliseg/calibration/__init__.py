"""Calibrations: what is fitted on a calibration split and changes logits afterwards."""

from reliseg.calibration.base import CALIBRATORS, Calibration, Calibrator
from reliseg.calibration.fitting.columns import inspect_columns
from reliseg.calibration.method_text import calibrator, canonical_text, format_value, texts_of_seeds
from reliseg.calibration.methods.identity import Unchanged
from reliseg.calibration.sample import CalibrationSample, Part, SampledImage, Training, WholeImage

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
    "canonical_text",
    "format_value",
    "inspect_columns",
    "texts_of_seeds",
]

"""Models: 8-bit RGB images in, predictions out."""

from reliseg.models.base import (
    MODELS,
    Input,
    Model,
    ModelOptions,
    Precision,
    Requires,
    Values,
)
from reliseg.models.options import Augmented, FitWithin, Interpolation, MaskOrder, Pad, Slide

__all__ = [
    "MODELS",
    "Augmented",
    "FitWithin",
    "Input",
    "Interpolation",
    "MaskOrder",
    "Model",
    "ModelOptions",
    "Pad",
    "Precision",
    "Requires",
    "Slide",
    "Values",
]

"""Models: 8-bit RGB images in, predictions out."""

from reliseg.models.base import MODELS, Input, Model, ModelOptions, Precision, Requires, Values

__all__ = ["MODELS", "Input", "Model", "ModelOptions", "Precision", "Requires", "Values"]

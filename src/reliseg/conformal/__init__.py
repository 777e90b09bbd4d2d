"""Promises that hold for new images: how much may be accepted so that a loss stays below a risk."""

from reliseg.conformal.betting import accepted_with_confidence, least_images_with_confidence
from reliseg.conformal.expectation import accepted_in_expectation, comfortable_images, least_images
from reliseg.conformal.losses import Losses, losses_of

__all__ = [
    "Losses",
    "accepted_in_expectation",
    "accepted_with_confidence",
    "comfortable_images",
    "least_images",
    "least_images_with_confidence",
    "losses_of",
]

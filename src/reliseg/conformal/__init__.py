"""Promises that hold for new images: how much may be accepted so that a loss stays below a risk."""

from reliseg.conformal.betting import accepted_with_confidence, least_images_with_confidence
from reliseg.conformal.expectation import accepted_in_expectation, comfortable_images, least_images
from reliseg.conformal.losses import Losses, losses_of, means_of_units
from reliseg.conformal.promise import Promise, PromisedThreshold

__all__ = [
    "Losses",
    "Promise",
    "PromisedThreshold",
    "accepted_in_expectation",
    "accepted_with_confidence",
    "comfortable_images",
    "least_images",
    "least_images_with_confidence",
    "losses_of",
    "means_of_units",
]

"""Does an exported file give what the predictor gives?"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reliseg.calibration import Calibration
from reliseg.calibration.methods.histogram import Binned
from reliseg.calibration.methods.isotonic import Monotone
from reliseg.calibration.methods.selective import ScaledSelectively
from reliseg.deploy.predictor import Predictor
from reliseg.deploy.result import CalibratedImage
from reliseg.errors import count_text
from reliseg.prediction import Prediction
from reliseg.stats.rows import Rows
from reliseg.types import Float

TOLERANCE = 1e-4
"""Of confidences; and of margins and distances to the threshold, at which a pixel may be decided otherwise."""
_ROUNDING = 1e-5
"""Of confidences before a calibration that is steep, or jumps: what float32 makes of a network in another order."""
_NEARBY = (-_ROUNDING, 0.0, _ROUNDING)


@dataclass(frozen=True)
class Agreement:
    """What a file gives beside what the predictor gives, over all images that were compared."""

    images: int = 0
    pixels: int = 0
    largest: float = 0.0
    """Difference of confidence, of pixels that are decided alike for certain."""
    undecided: int = 0
    """Pixels so near to a tie, to a step of the calibration or to the threshold that rounding decides."""
    classes: int = 0
    """Pixels with another class, ties left out."""
    confidences: int = 0
    """Pixels whose confidence differs by more than the tolerance."""
    accepted: int = 0
    """Pixels that one accepts and the other does not, away from the threshold."""

    def __add__(self, other: "Agreement") -> "Agreement":
        sums = {
            name: getattr(self, name) + getattr(other, name)
            for name in ("images", "pixels", "undecided", "classes", "confidences", "accepted")
        }
        return Agreement(largest=max(self.largest, other.largest), **sums)

    @property
    def problem(self) -> str | None:
        """Why the file must not be used, or None."""
        parts = [
            f"another class in {count_text(self.classes, 'pixel')}" if self.classes else "",
            f"another confidence in {count_text(self.confidences, 'pixel')}, by up to {self.largest:.2g}"
            if self.confidences
            else "",
            f"another acceptance in {count_text(self.accepted, 'pixel')}" if self.accepted else "",
        ]
        wrong = ", ".join(part for part in parts if part)
        return f"{wrong}, of {self.pixels}" if wrong else None

    def facts(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "images": self.images,
            "pixels": self.pixels,
            "largest_difference": self.largest,
            "tolerance": TOLERANCE,
            "pixels_decided_by_rounding": self.undecided,
        }


def compare(
    predictor: Predictor, result: CalibratedImage, before: CalibratedImage, maps: Mapping[str, np.ndarray]
) -> Agreement:
    """Compare the maps of one image with its result; `before` is the same image without calibration."""
    confidence = result.confidence
    ties = (result.score("margin") < 2 * TOLERANCE) | (before.score("margin") < 2 * TOLERANCE)
    steep, near = _steps(predictor.calibration, before)
    ties |= near
    other = maps["classes"] != result.classes
    given = maps["confidence"].astype(np.float64)
    ties &= np.isfinite(given)
    difference = np.where(ties, 0.0, np.minimum(abs(np.nan_to_num(given, nan=np.inf) - confidence), 1))
    tolerance = TOLERANCE + steep
    acceptance, threshold = 0, predictor.acceptance.confidence
    undecided = ties
    if threshold is not None:
        at_threshold = abs(confidence - threshold) <= tolerance
        undecided = ties | at_threshold
        acceptance = int(((maps["accepted"] != result.accepted) & ~undecided).sum())
    return Agreement(
        images=1,
        pixels=confidence.size,
        largest=float(difference.max(initial=0)),
        undecided=int(undecided.sum()),
        classes=int((other & ~ties).sum()),
        confidences=int((difference > tolerance).sum()),
        accepted=acceptance,
    )


def without_calibration(prediction: Prediction, result: CalibratedImage) -> CalibratedImage:
    """Return the result of an image as the model gives it."""
    return CalibratedImage.of(result.name, prediction, result.acceptance)


def _steps(calibration: Calibration, before: CalibratedImage) -> tuple[Float[np.ndarray, "..."] | float, Any]:
    """Return how much more rounding may do where a calibration is steep, and which pixels are near to a jump of it."""
    if isinstance(calibration, Binned | Monotone):
        confidence = before.confidence.astype(np.float64)
        ends, _, _, slopes = calibration.line()
        piece = np.minimum(np.searchsorted(ends, confidence), len(ends) - 1)
        gaps = [abs(confidence - ends[np.clip(piece + step, 0, len(ends) - 1)]) for step in (-1, 0)]
        return _ROUNDING * slopes[piece], np.minimum(*gaps) <= _ROUNDING
    if isinstance(calibration, ScaledSelectively):
        given = before.prediction
        logits = given.logits.rows(slice(None)) if isinstance(given.logits, Rows) else np.asarray(given.logits)
        decided = [calibration(replace(given, logits=logits * np.float32(1 + by))).pixel_factors for by in _NEARBY]
        return 0.0, np.ptp(np.stack([np.asarray(factors) for factors in decided]), axis=0) > 0
    return 0.0, False

"""Drawn calibration samples: a few small images, the pixels of each, and what may be wrong with them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from reliseg.calibration import CalibrationSample, Calibrator, SampledImage, WholeImage
from reliseg.prediction import Prediction
from reliseg.types import Float32, Image, Truth

CLASSES = 4
SIZE = (12, 16)
FEATURE = 3
"""Numbers in a pooled feature."""

Part: TypeAlias = tuple[Float32[np.ndarray, "p y"], np.ndarray]


@dataclass(frozen=True, eq=False)
class DrawnImage:
    """An image of a calibration split, with everything that a calibrator may ask for."""

    id: str
    logits: Float32[np.ndarray, "c h w"]
    truth: Truth
    pixels: Image
    feature: Float32[np.ndarray, " f"] | None

    def prediction(self) -> Prediction:
        """Return the model's prediction."""
        return Prediction(self.logits, SIZE, feature=self.feature, image=self.pixels)

    def part(self) -> Part:
        """Return all pixels as a sample has them: the last column, `other`, is -inf."""
        columns = self.logits.reshape(len(self.logits), -1).T
        other = np.full((len(columns), 1), -np.inf, np.float32)
        return np.concatenate([columns, other], axis=1), self.truth.ravel()


def drawn_images(count: int) -> list[DrawnImage]:
    """Draw images whose best temperature is 1, 2 or 3, with features in two clusters."""
    return [_drawn_image(i, temperature=1 + i % 3) for i in range(count)]


def _drawn_image(i: int, temperature: float) -> DrawnImage:
    g = np.random.default_rng([7, i])
    logits = g.normal(0, 3, (CLASSES, *SIZE)).astype(np.float32)
    truth = (logits / temperature + g.gumbel(size=logits.shape)).argmax(axis=0).astype(np.uint8)
    feature = np.array([i % 2, 1 - i % 2, 0.01 * i], np.float32)
    return DrawnImage(f"scene/{i:03}", logits, truth, g.integers(0, 256, (*SIZE, 3), np.uint8), feature)


def sample_for(calibrator: Calibrator, images: Sequence[DrawnImage]) -> CalibrationSample:
    """Return the sample of these images with what the calibrator asks for, and no more."""
    features = [i.feature if calibrator.needs_feature else None for i in images]
    sampled = [
        SampledImage(i.id, i.truth.size, None if f is None else tuple(f.astype(float).tolist()))
        for i, f in zip(images, features, strict=True)
    ]
    whole = [_whole(i, with_image=calibrator.needs_image) for i in images] if calibrator.needs_whole_images else []
    return CalibrationSample([i.part() for i in images], sampled, whole)


def _whole(image: DrawnImage, *, with_image: bool) -> WholeImage:
    prediction = replace(image.prediction(), feature=None, image=image.pixels if with_image else None)
    return WholeImage(image.id, prediction, image.truth)


def recut(sample: CalibrationSample, pixels: int) -> CalibrationSample:
    """Return the same pixels in parts of another size."""
    return replace(sample, parts=list(sample.blocks(pixels)))


def unusual_images(count: int) -> dict[str, list[DrawnImage]]:
    """Return what a calibration split may look like where little can be learnt, or nothing; by what is odd about it."""
    usual = drawn_images(count)
    return {
        "no image": [],
        "one image": usual[:1],
        "a class without a label": _each(usual, truth=lambda i: np.where(i.truth == 2, 1, i.truth).astype(np.uint8)),
        "equal logits": _each(usual, logits=lambda i: np.ones_like(i.logits)),
        "all pixels right": _each(usual, truth=lambda i: i.logits.argmax(axis=0).astype(np.uint8)),
        "all pixels wrong": _each(usual, truth=lambda i: i.logits.argmin(axis=0).astype(np.uint8)),
        "equal features": _each(usual, feature=lambda i: np.zeros(FEATURE, np.float32)),
        "a logit that is NaN": _each(usual, logits=lambda i: _spoilt(i.logits, np.nan)),
        "a logit that is infinite": _each(usual, logits=lambda i: _spoilt(i.logits, np.inf)),
        "a class that is -inf at some pixels": _each(usual, logits=lambda i: _spoilt(i.logits, -np.inf)),
        "labels that no column stands for": _each(usual, truth=lambda i: np.full_like(i.truth, CLASSES + 1)),
        "labels that no model class can be": _each(usual, truth=lambda i: np.full_like(i.truth, CLASSES)),
    }


def _each(images: Sequence[DrawnImage], **changes: Any) -> list[DrawnImage]:
    return [replace(i, **{key: change(i) for key, change in changes.items()}) for i in images]


def _spoilt(logits: Float32[np.ndarray, "c h w"], value: float) -> Float32[np.ndarray, "c h w"]:
    spoilt = logits.copy()
    spoilt[1, 2, 3] = value
    return spoilt

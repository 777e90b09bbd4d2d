"""Predictions as files: class, color, confidence and logits, for those who want to look or go on from there."""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from reliseg.errors import ConfigError, suggestion
from reliseg.kernels.reference import full_logits
from reliseg.plan.plan import Target
from reliseg.prediction import Prediction
from reliseg.run.depot.base import Depot, LocalDepot
from reliseg.run.folder import RunFolder
from reliseg.run.predict.stream import PredictedSample
from reliseg.runtime.atomic_files import write_atomically
from reliseg.stats.built_in_scores import confidences
from reliseg.types import Truth

KINDS = ("prediction", "color", "confidence", "logits", "image")
OTHER_ID = 255
_ROWS = 64


@dataclass(frozen=True)
class PredictionExport:
    """Writes files of these kinds for each sample, uncalibrated, at the image's size.

    `prediction` is `*_pred.png` (8-bit class, 255 for classes outside the data set), `confidence` is `*_conf.png`
    (msp, 16 bit, 65535 is 1), `color` is `*_color.png` in the data set's palette, `logits` is `*.npz` at native
    stride in the model's classes, which `stored:` reads; `image` is `*_image.png`, what the model was given.
    """

    kinds: tuple[str, ...]
    folder: RunFolder
    depot: Depot = field(default_factory=LocalDepot)

    @classmethod
    def of(cls, kinds: Collection[str], folder: RunFolder, depot: Depot | None = None) -> "PredictionExport":
        """Check the kinds."""
        for kind in kinds:
            if kind not in KINDS:
                raise ConfigError(f"--save: unknown kind {kind!r}; {suggestion(kind, KINDS)}")
        return cls(tuple(k for k in KINDS if k in kinds), folder, depot or LocalDepot())

    def __call__(self, model: str, target: Target, sample: PredictedSample) -> None:
        """Write the files of one sample."""
        base = self.folder.export(model, target, sample.loaded.sample.id)
        if "logits" in self.kinds:
            from reliseg.models.prediction_files import save_logits

            path = base.with_name(f"{base.name}.npz")
            save_logits(path, sample.prediction)
            self.depot.hand_over(path)
        if "image" in self.kinds and sample.loaded.image is not None:
            self._write(base, "image", sample.loaded.image)
        if set(self.kinds) - {"logits", "image"}:
            classes, confidence = label_and_confidence(sample.prediction)
            self._write_images(base, classes, confidence, target)

    def _write_images(self, base: Path, classes: Truth, confidence: np.ndarray, target: Target) -> None:
        if "prediction" in self.kinds:
            self._write(base, "pred", classes)
        if "confidence" in self.kinds:
            self._write(base, "conf", np.rint(confidence * 65535).astype(np.uint16))
        if "color" in self.kinds:
            self._write(base, "color", color_image(classes, target.dataset.labels.palette))

    def _write(self, base: Path, kind: str, pixels: np.ndarray) -> None:
        path = base.with_name(f"{base.name}_{kind}.png")
        write_png(path, pixels)
        self.depot.hand_over(path)


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Write an image atomically: 8-bit grey or RGB, or 16-bit grey."""
    write_atomically(path, lambda file: Image.fromarray(pixels).save(file, "PNG"))


def label_and_confidence(prediction: Prediction) -> tuple[Truth, np.ndarray]:
    """Return the predicted class (255 for `other`) and the maximum softmax probability of every pixel."""
    view, columns = prediction.view(), prediction.columns
    height, width = prediction.size
    classes, confidence = np.empty((height, width), np.uint8), np.empty((height, width))
    for start in range(0, height, _ROWS):
        rows = slice(start, start + _ROWS)
        z = full_logits(view, columns, rows)
        top = z.argmax(axis=0).reshape(-1, width)
        classes[rows] = np.where(top == columns - 1, OTHER_ID, top)
        confidence[rows] = confidences(z)["msp"].reshape(-1, width)
    return classes, confidence


def color_image(classes: Truth, palette: tuple[tuple[int, int, int], ...]) -> np.ndarray:
    """Return class ids as RGB; ids outside the palette are black."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(palette)] = palette
    return table[classes]

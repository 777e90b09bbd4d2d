"""Predictions as files: class, color, confidence and logits, for those who want to look or go on from there."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from reliseg.calibration import Calibration
from reliseg.calibration.records.record import record_stem
from reliseg.data import Sample
from reliseg.errors import ConfigError, suggestion
from reliseg.labels import LabelSpace
from reliseg.plan.plan import IDENTITY, Target
from reliseg.prediction import Prediction
from reliseg.run.depot.base import Depot, LocalDepot
from reliseg.run.folder import RunFolder
from reliseg.runtime.atomic_files import write_atomically
from reliseg.runtime.file_names import name_bytes
from reliseg.types import Float32, Truth

if TYPE_CHECKING:
    from reliseg.run.predict.stream import PredictedSample

CALIBRATED_KINDS = ("prediction", "color", "confidence")
"""Those that a calibration may change."""
KINDS = (*CALIBRATED_KINDS, "logits", "image")


MARK = "reliseg"
"""The name of the text in a PNG file that tells what its pixels were computed from."""


class SavedKind(NamedTuple):
    """A kind of files, and the calibration of what they show."""

    kind: str
    calibration: str = IDENTITY

    @classmethod
    def parse(cls, text: str, calibrations: Collection[str]) -> "SavedKind":
        """Read KIND or KIND@CALIBRATION; a ConfigError where a kind or a calibration is not known."""
        kind, separator, calibration = text.partition("@")
        if kind not in KINDS:
            raise ConfigError(f"--save: unknown kind {kind!r}; {suggestion(kind, KINDS)}")
        if not separator:
            return cls(kind)
        if kind not in CALIBRATED_KINDS:
            raise ConfigError(f"--save: {kind} is the same under any calibration; write {kind} alone")
        if calibration not in calibrations:
            known = suggestion(calibration, calibrations)
            raise ConfigError(f"--save {text}: no calibration {calibration!r} is applied; {known}")
        return cls(kind, calibration)


@dataclass(frozen=True)
class PredictionExport:
    """Writes files of these kinds for each sample, at the image's size.

    `prediction` is `*_pred.png` (8-bit class, 255 for classes outside the data set), `confidence` is `*_conf.png`
    (msp, 16 bit, 65535 is 1), `color` is `*_color.png` in the data set's palette, `logits` is `*.npz` at native
    stride in the model's classes, which `stored:` reads; `image` is `*_image.png`, what the model was given. They show
    what is so before calibration; the names of those of a calibration end with it, `*_conf@ts@camvid-cal.png`.
    Predictions and confidences of tested images have a mark: see `mark_of`.
    """

    kinds: tuple[SavedKind, ...]
    folder: RunFolder
    depot: Depot = field(default_factory=LocalDepot)

    @classmethod
    def of(
        cls,
        kinds: Collection[str],
        folder: RunFolder,
        depot: Depot | None = None,
        calibrations: Collection[str] = (),
    ) -> "PredictionExport":
        """Check the kinds; `calibrations` are those that can be named."""
        asked = dict.fromkeys(SavedKind.parse(text, {IDENTITY, *calibrations}) for text in kinds)
        return cls(tuple(sorted(asked, key=lambda saved: KINDS.index(saved.kind))), folder, depot or LocalDepot())

    @property
    def longest_ending(self) -> str:
        """The longest end of a name of a file that has a calibration in it."""
        endings = [ending_of(saved) for saved in self.kinds if saved.calibration != IDENTITY]
        return max(endings, key=name_bytes, default="")

    def __call__(
        self,
        model: str,
        target: Target,
        sample: "PredictedSample",
        calibrations: Mapping[str, Calibration],
        sources: Mapping[str, str],
    ) -> None:
        """Write the files of one sample; of those of a calibration, where it is among these. `sources` as in
        `Coverage`; without that of a calibration, its maps have no mark.
        """
        base = self.folder.export(model, target, sample.loaded.sample.id)
        loaded, labels = sample.loaded, target.dataset.labels
        for calibration in dict.fromkeys(saved.calibration for saved in self.kinds):
            source = sources.get(calibration)
            origin = source and origin_of(source, loaded.sample, loaded.sha256, sample.files_sha256)
            kinds = [saved for saved in self.kinds if saved.calibration == calibration]
            if calibration == IDENTITY:
                self._write_uncalibrated(base, sample)
                self._write_maps(base, kinds, sample.prediction, labels, origin)
            elif calibration in calibrations:
                self._write_maps(base, kinds, calibrations[calibration](sample.prediction), labels, origin)

    def _write_uncalibrated(self, base: Path, sample: "PredictedSample") -> None:
        if SavedKind("logits") in self.kinds:
            from reliseg.models.prediction_files import save_logits

            path = base.with_name(f"{base.name}.npz")
            save_logits(path, sample.prediction)
            self.depot.hand_over(path)
        if SavedKind("image") in self.kinds and sample.loaded.image is not None:
            self._write(base, SavedKind("image"), sample.loaded.image)

    def _write_maps(
        self, base: Path, kinds: Collection[SavedKind], prediction: Prediction, labels: LabelSpace, origin: str | None
    ) -> None:
        maps = [saved for saved in kinds if saved.kind in CALIBRATED_KINDS]
        if not maps:
            return
        classes, confidence = label_and_confidence(prediction)
        for saved in maps:
            if saved.kind == "prediction":
                self._write(base, saved, classes, origin)
            elif saved.kind == "confidence":
                self._write(base, saved, sixteen_bits(confidence), origin)
            else:
                self._write(base, saved, color_image(classes, labels.palette))

    def _write(self, base: Path, saved: SavedKind, pixels: np.ndarray, origin: str | None = None) -> None:
        path = base.with_name(f"{base.name}{ending_of(saved)}")
        write_png(path, pixels, mark_of(origin, pixels) if origin else None)
        self.depot.hand_over(path)


_SHORT = {"prediction": "pred", "confidence": "conf"}


def ending_of(saved: SavedKind) -> str:
    """Return how the names of the pictures of a kind end."""
    calibration = "" if saved.calibration == IDENTITY else f"@{record_stem(saved.calibration)}"
    return f"_{_SHORT.get(saved.kind, saved.kind)}{calibration}.png"


def origin_of(source: str, sample: Sample, files: str, predictions: str) -> str:
    """Return what determines the maps of a sample under a calibration.

    `source` as in `Coverage.sources`; `files` is the sha256 of image and mask, `predictions` that of what a prediction
    was read from, or "".
    """
    return json.dumps([source, repr(sample.copy), files, predictions])


def mark_of(origin: str, pixels: np.ndarray) -> str:
    """Return what a map of this origin has as a text in its file: another one where origin or pixels are others."""
    content = json.dumps([origin, str(pixels.dtype), pixels.shape]).encode() + pixels.tobytes()
    return hashlib.sha256(content).hexdigest()


def write_png(path: Path, pixels: np.ndarray, mark: str | None = None) -> None:
    """Write an image atomically: 8-bit grey or RGB, or 16-bit grey; with a mark as its text."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    if mark:
        texts.add_text(MARK, mark)
    write_atomically(path, lambda file: Image.fromarray(pixels).save(file, "PNG", pnginfo=texts))


def label_and_confidence(prediction: Prediction) -> tuple[Truth, Float32[np.ndarray, "H W"]]:
    """Return the predicted class (255 for `other`) and the maximum softmax probability of every pixel, as counted."""
    from reliseg.kernels.maps import pixel_maps  # compiles

    maps = pixel_maps(prediction.view())
    return maps.classes, maps.scores["msp"]


def sixteen_bits(confidence: Float32[np.ndarray, "H W"]) -> np.ndarray:
    """Return a confidence in [0, 1] as whole numbers, of which 65535 is 1."""
    return np.rint(confidence.astype(np.float64) * 65535).astype(np.uint16)


def color_image(classes: Truth, palette: tuple[tuple[int, int, int], ...]) -> np.ndarray:
    """Return class ids as RGB; ids outside the palette are black."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(palette)] = palette
    return table[classes]

"""The kinds of files that are written of each image, in the formats of a run's saved predictions."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from reliseg.deploy.result import CalibratedImage
from reliseg.errors import ConfigError, suggestion
from reliseg.run.export import SavedKind, color_image, ending_of, sixteen_bits, write_png
from reliseg.runtime.atomic_files import write_atomically
from reliseg.types import Image

Palette = tuple[tuple[int, int, int], ...]

ENDINGS = {
    **{kind: ending_of(SavedKind(kind)) for kind in ("prediction", "confidence", "color")},
    "accepted": "_accepted.png",
    "overlay": "_overlay.png",
    "probabilities": "_prob.npy",
}
"""The kinds, and how the names of their files end."""
MEANINGS = {
    "prediction": "8-bit id of the predicted class; 255 is a class that the data set does not have",
    "confidence": "16-bit calibrated probability of the predicted class; 65535 is 1",
    "color": "predicted class in the palette of the data set",
    "accepted": "255 where the pixel is at least as sure as the threshold, else 0",
    "overlay": "the image, with rejected pixels in grey",
    "probabilities": "float32, height x width x classes; `other` behind them where the model has more than these",
}
_BY_THRESHOLD = ("accepted", "overlay")
_GREY, _PAPER, _SHOWN = np.array([0.299, 0.587, 0.114]), 190.0, 0.25
"""A rejected pixel is a quarter of its own brightness and three quarters of a light grey: seen on road and sky."""


def check_kinds(asked: Collection[str], why_no_threshold: str) -> tuple[str, ...]:
    """Return the kinds in their order; a ConfigError for one that is unknown, or lacks the threshold that it needs."""
    for kind in asked:
        if kind not in ENDINGS:
            raise ConfigError(f"--write: unknown kind {kind!r}; {suggestion(kind, ENDINGS)}")
        if why_no_threshold and kind in _BY_THRESHOLD:
            raise ConfigError(f"--write {kind}: no pixel can be accepted or rejected: {why_no_threshold}")
    if not asked:
        raise ConfigError(f"--write: name what is written; {suggestion('', ENDINGS)}")
    return tuple(kind for kind in ENDINGS if kind in asked)


def file_of(base: Path, kind: str) -> Path:
    """Return the path of a file of an image, from what the names of all its files begin with."""
    return base.with_name(f"{base.name}{ENDINGS[kind]}")


def write_kinds(
    kinds: Collection[str], base: Path, result: CalibratedImage, image: Image | None, palette: Palette
) -> None:
    """Write files of an image, each whole or not at all."""
    maps: Mapping[str, Callable[[], np.ndarray]] = {
        "prediction": lambda: result.classes,
        "confidence": lambda: sixteen_bits(result.confidence),
        "color": lambda: color_image(result.classes, palette),
        "accepted": lambda: result.accepted * np.uint8(255),
        "overlay": lambda: grey_out(np.asarray(image), ~result.accepted),
    }
    for kind in kinds:
        path = file_of(base, kind)
        if kind == "probabilities":
            write_atomically(path, lambda file: write_probabilities(file, result))
        else:
            write_png(path, maps[kind]())


def write_probabilities(file: BinaryIO, result: CalibratedImage) -> None:
    """Write probabilities as an array of NumPy, height x width x classes, some rows at a time."""
    height, width = result.size
    header: dict[str, object] | None = None
    for _, p in result.probability_blocks():
        block = np.ascontiguousarray(np.moveaxis(p, 0, 2), np.dtype("<f4"))
        if header is None:
            header = {"descr": "<f4", "fortran_order": False, "shape": (height, width, block.shape[2])}
            np.lib.format.write_array_header_1_0(file, header)
        file.write(block.tobytes())


def grey_out(image: Image, rejected: np.ndarray) -> Image:
    """Return the image with some pixels without their color, and nearly of one grey."""
    grey = (_SHOWN * (image @ _GREY) + (1 - _SHOWN) * _PAPER).astype(np.uint8)
    return np.where(rejected[..., None], grey[..., None], image)

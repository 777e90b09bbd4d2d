"""Write what imagecorruptions-imaug 1.1.5 makes of a picture: tests/corruptions/references.json.

Run it where that package is installed: PYTHONPATH=src:tests python benchmarks/corruption_references.py
"""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from statistics import fmean, stdev
from typing import Any
from unittest import mock

import imagecorruptions.corruptions as published
import numpy as np
from helpers.corruption_images import flat, picture
from PIL import Image as Pillow

from reliseg.corruptions.compiled.philox import words
from reliseg.corruptions.draws import key_of, uniform
from reliseg.types import Image

SIZE = (240, 320)
CORNERS = ((0, 0), (228, 308), (110, 150))
"""Rows and columns where crops of 12 x 12 pixels begin."""
SEVERITIES = (1, 3, 5)
EXACT = ("defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg_compression")
NOISES = ("gaussian_noise", "shot_noise", "impulse_noise")
ANY_SIZE = ("snow", "fog", "elastic_transform")
REPEATS = 60


def corrupted(kind: str, severity: int, image: Image) -> Image:
    """Return the image as the published code corrupts it, in bytes."""
    return np.uint8(np.array(getattr(published, kind)(Pillow.fromarray(image), severity)))


def crops(image: Image) -> str:
    """Return some crops of an image as text."""
    return base64.b64encode(b"".join(image[y : y + 12, x : x + 12].tobytes() for y, x in CORNERS)).decode()


def motion(severity: int, image: Image) -> Image:
    """Return the published motion blur in the direction that this project draws."""
    angle = uniform(key_of(0, "picture", "motion_blur"), 0, -45, 45)
    with mock.patch.object(np.random, "uniform", return_value=angle):
        return corrupted("motion_blur", severity, image)


def glass(severity: int, image: Image) -> Image:
    """Return the published glass blur with the steps that this project draws."""
    key, (h, w) = key_of(0, "picture", "glass_blur"), image.shape[:2]

    def shuffle(d0: int, d1: int, x: Image, c: tuple[float, int, int], seed: int) -> Image:
        _, reach, rounds = c
        out = x.copy()
        u = np.empty((w + 3) // 4 * 4, np.uint32)
        for i in range(rounds):
            for y in range(d0 - reach, reach, -1):
                words(key, y + i * h, u)
                dx = ((u & 0xFFFF).astype(np.int64) * 2 * reach >> 16) - reach
                dy = ((u >> 16).astype(np.int64) * 2 * reach >> 16) - reach
                for j in range(d1 - reach, reach, -1):
                    out[y, j], out[y + dy[j], j + dx[j]] = out[y + dy[j], j + dx[j]], out[y, j]
        return out

    with mock.patch.object(published, "_shuffle_pixels_njit_glass_blur", shuffle):
        return corrupted("glass_blur", severity, image)


def squared(image: Image, clean: Image) -> float:
    """Return the mean squared difference of two images."""
    return float(((image.astype(float) - clean) ** 2).mean())


def statistics(kind: str, severity: int) -> dict[str, float]:
    """Return means and spreads over images of one grey, and for elastic of the change of a picture."""
    np.random.seed(severity)  # noqa: NPY002 - the published code draws from there
    if kind == "elastic_transform":
        clean = picture(*SIZE)
        changes = [squared(corrupted(kind, severity, clean), clean) for _ in range(REPEATS // 3)]
        return {"change": fmean(changes), "spread": stdev(changes)}
    images = [corrupted(kind, severity, flat(128, 256, 100)) for _ in range(REPEATS)]
    means = [float(image.mean()) for image in images]
    return {"mean": fmean(means), "spread": stdev(means), "within": fmean(float(image.std()) for image in images)}


def main() -> None:
    """Write the file."""
    clean = picture(*SIZE)
    exact: dict[str, Callable[[int], Image]] = {
        **{kind: (lambda severity, kind=kind: corrupted(kind, severity, clean)) for kind in EXACT},
        "motion_blur": lambda severity: motion(severity, clean),
        "glass_blur": lambda severity: glass(severity, clean),
    }
    references: dict[str, Any] = {
        "crops": {kind: {str(s): crops(make(s)) for s in SEVERITIES} for kind, make in exact.items()},
        "noises": {kind: {str(s): squared(corrupted(kind, s, clean), clean) for s in SEVERITIES} for kind in NOISES},
        "statistics": {kind: {str(s): statistics(kind, s) for s in SEVERITIES} for kind in ANY_SIZE},
    }
    path = Path(__file__).parents[1] / "tests" / "corruptions" / "references.json"
    path.write_text(json.dumps(references, indent=1) + "\n")


if __name__ == "__main__":
    main()

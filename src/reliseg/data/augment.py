"""Augmented copies of images: made when the originals are decoded, used in their place, and never written."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from PIL import Image as Pillow
from PIL import ImageEnhance

from reliseg.data.spec import check_keys
from reliseg.errors import ConfigError, suggestion
from reliseg.runtime.text_files import quoted
from reliseg.types import Image

SHIFT = 120
"""The largest shift of a channel, of 255."""
MOST = 1000
"""Copies, and steps of each: more would fill the memory before anything is evaluated."""
FACTORS = (0.2, 1.8)
"""The range of the factors of brightness, color and contrast; 1 changes nothing."""


@dataclass(frozen=True, slots=True, order=True)
class Photometric:
    """`copies` of each image, each changed by `draws` random steps, one after the other; masks stay as they are.

    A step is one of six, equally likely: nothing; a shift of each channel by up to 120 either way; brightness, color or
    contrast times 0.2 to 1.8; grey. These are what de Jorge et al. (CVPR 2023) calibrate on. What is drawn depends on
    the seed, the image's id and the copy's number alone.
    """

    copies: int = 3
    draws: int = 3
    seed: int = 0

    def __call__(self, image: Image, sample: str, copy: int) -> Image:
        """Return copy number `copy` (1, 2, ..) of the image of this sample."""
        random = _generator(self.seed, sample, copy)
        picture = Pillow.fromarray(image)
        for _ in range(self.draws):
            picture = _STEPS[random.integers(len(_STEPS))](picture, random)
        return np.array(picture)


@dataclass(frozen=True, slots=True, order=True)
class Copy:
    """Names one augmented copy: of which sample, which number, and how it is made."""

    of: str
    number: int
    augmentation: Photometric

    @property
    def id(self) -> str:
        """The id of the copy, `SCENE/STEM~1`."""
        return f"{self.of}~{self.number}"

    def __call__(self, image: Image) -> Image:
        """Return the copy's pixels, from those of the original."""
        return self.augmentation(image, self.of, self.number)


AUGMENTATIONS: Mapping[str, type[Photometric]] = {"photometric": Photometric}


def read_augmentation(where: str, table: object) -> Photometric:
    """Read a domain's augmentation: `{kind: photometric, copies: 3, draws: 3, seed: 0}`, or raise a ConfigError."""
    if not isinstance(table, Mapping) or "kind" not in table:
        raise ConfigError(f"{where}: write {{kind: photometric, copies: 3}}; kinds: {', '.join(AUGMENTATIONS)}")
    kind, options = table["kind"], {key: value for key, value in table.items() if key != "kind"}
    if kind not in AUGMENTATIONS:
        raise ConfigError(f"{where}: unknown kind {str(kind)!r}; {suggestion(str(kind), AUGMENTATIONS)}")
    check_keys(where, options, [f.name for f in fields(AUGMENTATIONS[kind])])
    for key, value in options.items():
        least = 0 if key == "seed" else 1
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ConfigError(f"{where}: {key} is {quoted(value)}; give a whole number from {least}")
        if key != "seed" and value > MOST:
            raise ConfigError(f"{where}: {key} is {quoted(value)}; give at most {MOST}")
    return AUGMENTATIONS[kind](**options)


def _generator(seed: int, sample: str, copy: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed} {copy} {sample}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest))


def _keep(picture: Pillow.Image, random: np.random.Generator) -> Pillow.Image:
    return picture


def _shift(picture: Pillow.Image, random: np.random.Generator) -> Pillow.Image:
    shift = random.integers(-SHIFT, SHIFT, size=3, endpoint=True)
    tables = np.clip(
        np.arange(256) + shift[:, None], 0, 255
    )  # a value looked up takes no memory beside the new picture
    return picture.point(tables.ravel().tolist())


def _remove_color(picture: Pillow.Image, random: np.random.Generator) -> Pillow.Image:
    return picture.convert("L").convert("RGB")


def _enhancer(kind: Callable[[Pillow.Image], Any]) -> Callable[[Pillow.Image, np.random.Generator], Pillow.Image]:
    def step(picture: Pillow.Image, random: np.random.Generator) -> Pillow.Image:
        result: Pillow.Image = kind(picture).enhance(random.uniform(*FACTORS))
        return result

    return step


_STEPS: tuple[Callable[[Pillow.Image, np.random.Generator], Pillow.Image], ...] = (
    _keep,
    _shift,
    _enhancer(ImageEnhance.Brightness),
    _enhancer(ImageEnhance.Color),
    _enhancer(ImageEnhance.Contrast),
    _remove_color,
)

"""Augmented copies of images: made when the originals are decoded, used in their place, and never written."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

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


STEPS = 90
"""The factors that the study's scripts draw from: so many, at equal distances."""
GREY = (30, 50, 11)
"""The weights of red, green and blue, in percent, in the grey of the study's scripts: white becomes a light grey."""

Step: TypeAlias = Callable[[Pillow.Image, np.random.Generator], Pillow.Image]


@dataclass(frozen=True, slots=True, order=True)
class Augmentation(ABC):
    """`copies` of each image, each changed by `draws` random steps, one after the other; masks stay as they are.

    What is drawn depends on the seed, the image's id and the copy's number alone.
    """

    copies: int = 3
    draws: int = 3
    seed: int = 0

    def __call__(self, image: Image, sample: str, copy: int) -> Image:
        """Return copy number `copy` (1, 2, ..) of the image of this sample."""
        random = _generator(self.seed, sample, copy)
        picture = Pillow.fromarray(image)
        steps = self.steps()
        for _ in range(self.draws):
            picture = steps[int(random.integers(len(steps)))](picture, random)
        return np.array(picture)

    @abstractmethod
    def steps(self) -> Sequence[Step]:
        """Return the steps that are drawn from, all equally likely."""


@dataclass(frozen=True, slots=True, order=True)
class Photometric(Augmentation):
    """A step is one of six: nothing; a shift of each channel by up to 120 either way; brightness, color or contrast
    times 0.2 to 1.8; grey. These are what de Jorge et al. (CVPR 2023) describe.
    """

    def steps(self) -> Sequence[Step]:
        """Return the steps that are drawn from, all equally likely."""
        return _STEPS


@dataclass(frozen=True, slots=True, order=True)
class PhotometricRelis(Augmentation):
    """The steps as the study's scripts draw them: 15 copies; a level of 1 to 120 is drawn before a shift, and each
    channel is shifted by -level to level - 1; factors are 90 at equal distances; grey is 0.3 R + 0.5 G + 0.11 B.
    """

    copies: int = 15

    def steps(self) -> Sequence[Step]:
        """Return the steps that are drawn from, all equally likely."""
        return _STEPS_OF_SCRIPTS


@dataclass(frozen=True, slots=True, order=True)
class Copy:
    """Names one augmented copy: of which sample, which number, and how it is made."""

    of: str
    number: int
    augmentation: Augmentation

    @property
    def id(self) -> str:
        """The id of the copy, `SCENE/STEM~1`."""
        return f"{self.of}~{self.number}"

    def __call__(self, image: Image) -> Image:
        """Return the copy's pixels, from those of the original."""
        return self.augmentation(image, self.of, self.number)


AUGMENTATIONS: Mapping[str, type[Augmentation]] = {
    "photometric": Photometric,
    "photometric_relis": PhotometricRelis,
}


def read_augmentation(where: str, table: object) -> Augmentation:
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
    return _shifted(picture, random.integers(-SHIFT, SHIFT, size=3, endpoint=True))


def _shift_by_level(picture: Pillow.Image, random: np.random.Generator) -> Pillow.Image:
    level = random.integers(1, SHIFT, endpoint=True)
    return _shifted(picture, random.integers(-level, level, size=3))


def _shifted(picture: Pillow.Image, shift: np.ndarray) -> Pillow.Image:
    tables = np.clip(
        np.arange(256) + shift[:, None], 0, 255
    )  # a value looked up takes no memory beside the new picture
    return picture.point(tables.ravel().tolist())


def _remove_color(picture: Pillow.Image, random: np.random.Generator) -> Pillow.Image:
    return picture.convert("L").convert("RGB")


def _remove_color_by_weights(picture: Pillow.Image, random: np.random.Generator) -> Pillow.Image:
    """Return the weighted sum of the channels, rounded down."""
    channels = np.moveaxis(np.asarray(picture, np.uint16), 2, 0)
    total = sum(weight * channel for weight, channel in zip(GREY, channels, strict=True)) // np.uint16(100)
    return Pillow.fromarray(total.astype(np.uint8)).convert("RGB")


def _uniform_factor(random: np.random.Generator) -> float:
    return random.uniform(*FACTORS)


def _factor_of_steps(random: np.random.Generator) -> float:
    return float(np.linspace(*FACTORS, STEPS)[random.integers(STEPS)])


def _enhancer(kind: Callable[[Pillow.Image], Any], factor: Callable[[np.random.Generator], float]) -> Step:
    def step(picture: Pillow.Image, random: np.random.Generator) -> Pillow.Image:
        result: Pillow.Image = kind(picture).enhance(factor(random))
        return result

    return step


def _enhancers(factor: Callable[[np.random.Generator], float]) -> Sequence[Step]:
    kinds = (ImageEnhance.Brightness, ImageEnhance.Color, ImageEnhance.Contrast)
    return [_enhancer(kind, factor) for kind in kinds]


_STEPS: Sequence[Step] = (_keep, _shift, *_enhancers(_uniform_factor), _remove_color)
_STEPS_OF_SCRIPTS: Sequence[Step] = (
    _keep,
    _shift_by_level,
    *_enhancers(_factor_of_steps),
    _remove_color_by_weights,
)

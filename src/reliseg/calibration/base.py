"""The interface of calibrations: the method, unfitted, and the fitted thing, as two types."""

import hashlib
import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, TypeAlias

import numpy as np
from jaxtyping import Float32, UInt8

from reliseg.calibration._slopes import Groups, Labels, Logits
from reliseg.errors import ConfigError, near
from reliseg.prediction import Prediction
from reliseg.registry import Registry
from reliseg.types import Truth


@dataclass(frozen=True)
class SampledImage:
    """One image of a calibration sample: its id, the number of its pixels, its pooled feature if it has one."""

    id: str
    pixels: int
    feature: tuple[float, ...] | None = None


@dataclass(frozen=True, eq=False)
class WholeImage:
    """An image to train on: its projected prediction (with the image itself, if that was asked for) and its labels.

    Arrays may be memory-mapped.
    """

    id: str
    prediction: Prediction
    truth: Truth


Part: TypeAlias = tuple[Float32[np.ndarray, "_ y"], UInt8[np.ndarray, " _"]]
"""Logits and labels of some pixels."""

Stage: TypeAlias = Callable[[str, int], Callable[[], None]]
"""Says that a stage of so many steps begins; what it gives is called after each step."""


def _silent(title: str, steps: int) -> Callable[[], None]:
    return lambda: None


@dataclass(frozen=True)
class Training:
    """Where calibrators train: a device (`auto`, `cpu`, `cuda` or `cuda:i`), threads on the CPU, who is told."""

    device: str = "cpu"
    threads: int = 1
    stage: Stage = _silent


@dataclass(frozen=True, eq=False)
class CalibrationSample:
    """Counted pixels of a calibration split: logits in the data set's classes, and labels.

    Parts may be memory-mapped, and opened anew whenever they are asked for; they stand in the order of sample ids, as
    `images` do. How pixels are divided into parts changes nothing. Columns that no model class goes to are -inf; pixels
    labelled so are left out.
    """

    parts: Sequence[Part]
    images: Sequence[SampledImage] = ()
    whole: Sequence[WholeImage] = ()
    """Some of the images, for calibrators that need them: each item may be opened anew whenever it is asked for."""
    training: Training = Training()

    def blocks(self, pixels: int = 1 << 16) -> Iterator[tuple[Logits, Labels]]:
        """All pixels, so many at a time: only the last block may have fewer."""
        held: list[Part] = []
        room = pixels
        for logits, labels in self.parts:
            start = 0
            while start < len(labels):
                held.append((logits[start : start + room], labels[start : start + room]))
                taken = len(held[-1][1])
                start += taken
                room -= taken
                if not room:
                    yield _joined(held)
                    held, room = [], pixels
        if held:
            yield _joined(held)

    def grouped(
        self, group: Callable[[Logits, Groups], Groups] | None = None, pixels: int = 1 << 16
    ) -> Iterator[tuple[Logits, Labels, Groups]]:
        """Blocks with the group of each pixel, told from its logits and the index of its image; one group if None."""
        ends = np.cumsum([image.pixels for image in self.images])
        done = 0
        for logits, labels in self.blocks(pixels):
            places = np.arange(done, done + len(labels))
            done += len(labels)
            if group is None:
                yield logits, labels, np.zeros(len(labels), np.int64)
            else:
                yield logits, labels, group(logits, np.searchsorted(ends, places, side="right"))

    def is_constant(self) -> bool:
        """Whether the logits of every pixel are all equal, so that no temperature changes anything."""
        return all(
            bool(
                (
                    np.where(np.isfinite(z), z, -np.inf).max(axis=1) == np.where(np.isfinite(z), z, np.inf).min(axis=1)
                ).all()
            )
            for z, _ in self.blocks()
        )

    def __len__(self) -> int:
        return sum(len(labels) for _, labels in self.parts)


def _joined(parts: list[Part]) -> Part:
    """Parts as one; a single one is not copied."""
    logits, labels = zip(*parts, strict=True)
    if len(parts) == 1:
        return np.asarray(logits[0]), np.asarray(labels[0])
    return np.concatenate(logits), np.concatenate(labels)


@dataclass(frozen=True)
class Calibration(ABC):
    """Fitted: transforms predictions. Its fields are its parameters, plain numbers that JSON can hold."""

    keeps_argmax: ClassVar[bool]

    @property
    def needs_image(self) -> bool:
        """Whether predictions must come with their image."""
        return False

    @abstractmethod
    def __call__(self, prediction: Prediction) -> Prediction:
        """The calibrated prediction, with a field set that changes its logits; `prediction` is projected already."""

    def notes(self) -> list[str]:
        """What the user should know of these parameters, a line each."""
        return []

    def parameters(self) -> dict[str, Any]:
        """The fitted parameters, readable."""
        return asdict(self)

    def fingerprint(self) -> str:
        """Equal for calibrations that do the same: the sha256 of type and parameters."""
        content = json.dumps([type(self).__qualname__, self.parameters()], sort_keys=True, default=_bytes_of)
        return hashlib.sha256(content.encode()).hexdigest()


def _bytes_of(array: np.ndarray) -> list[Any]:
    return [str(array.dtype), array.shape, array.tobytes().hex()]


@dataclass(frozen=True)
class Calibrator(ABC):
    """Unfitted: a method and its parameters."""

    fits: ClassVar[bool] = True
    """Whether there is anything to fit."""
    needs_whole_images: ClassVar[bool] = False
    """Whether it trains on whole images beside the sample of pixels."""

    needs_feature: ClassVar[bool] = False
    """Whether each image of the sample must have its feature."""

    @property
    def needs_image(self) -> bool:
        """Whether those must come with the image itself."""
        return False

    @property
    def least_images(self) -> int:
        """The images that a sample must have for a fit to be possible, as far as parameters tell."""
        return 1

    def usual_seeds(self) -> tuple[int, ...]:
        """The seeds that it is fitted with, one calibration each, where its text names none; () for its own `seed`."""
        return ()

    @abstractmethod
    def fit(self, sample: CalibrationSample) -> Calibration:
        """The calibration with the best parameters for the sample; a CalibrationError where there is none."""

    @abstractmethod
    def restore(self, parameters: dict[str, Any]) -> Calibration:
        """The calibration with these parameters, as `parameters` gave them."""


def required(holds: bool, method: str, key: str, value: object, need: str) -> None:
    """A ConfigError where a parameter is not what is needed."""
    if not holds:
        raise ConfigError(f"{method}: {key} is {value!r}; give {need}")


def is_natural(value: object, least: int = 0) -> bool:
    """Whether a parameter is a whole number from `least` (true and false are none)."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def is_amount(value: object) -> bool:
    """Whether a parameter is a finite number from 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value) and value >= 0
    except OverflowError:
        return False  # a whole number that no float can hold


_COMMA = r",(?![^\[]*\])"
"""One that does not stand in a list."""

CALIBRATORS: Registry[Calibrator] = Registry("reliseg.calibration", "Calibrator", "calibration")


def calibrator(text: str) -> Calibrator:
    """The method that is written `NAME` or `NAME(KEY=VALUE, ...)`; a ConfigError that suggests near names."""
    name, values = _parsed(text)
    if "seeds" in values and len(each_seed(text)) > 1:
        raise ConfigError(f"{text.strip()}: several seeds are several calibrations; give one")
    return _one(text, name, _with_one_seed(text, name, values))


def canonical(text: str) -> str:
    """One way to write each method: without spaces, without parameters that are as by default."""
    name, values = _parsed(text)
    seeds = _seeds(text, name, values)
    return _canonical(name, _one(text, name, _with_one_seed(text, name, values)), seeds)


def each_seed(text: str) -> tuple[str, ...]:
    """The canonical text of each calibration that a method stands for: one for each of its seeds, or itself."""
    name, values = _parsed(text)
    seeds = _seeds(text, name, values)
    if len(seeds) < 2:
        return (canonical(text),)
    rest = {k: v for k, v in values.items() if k != "seeds"}
    return tuple(_canonical(name, _one(text, name, rest | {"seed": seed})) for seed in seeds)


def _one(text: str, name: str, values: dict[str, Any]) -> Calibrator:
    kind = CALIBRATORS.get(name)
    known = [f.name for f in fields(kind)]
    for key in values:
        if key not in known:
            raise ConfigError(f"{text.strip()}: {name} has no parameter {key!r}; {near(key, known)}")
    return kind(**values)


def _seeds(text: str, name: str, values: dict[str, Any]) -> tuple[int, ...]:
    """The seeds that a text names or means, if they are several."""
    rest = _with_one_seed(text, name, values)
    if "seeds" not in values:
        method = _one(text, name, rest)
        return () if "seed" in values else method.usual_seeds()
    for seed in values["seeds"]:
        _one(text, name, rest | {"seed": seed})  # refused as one seed is
    return tuple(sorted(values["seeds"])) if len(values["seeds"]) > 1 else ()


def _with_one_seed(text: str, name: str, values: dict[str, Any]) -> dict[str, Any]:
    """The parameters with `seed` in the place of `seeds`: the first of them."""
    if "seeds" not in values:
        return values
    if "seed" not in {f.name for f in fields(CALIBRATORS.get(name))}:
        raise ConfigError(f"{text.strip()}: {name} has no seeds, as no luck is in it; leave them out")
    seeds = values["seeds"]
    distinct = isinstance(seeds, list) and seeds and all(is_natural(s) for s in seeds) and len(set(seeds)) == len(seeds)
    if not distinct:
        raise ConfigError(f"{text.strip()}: seeds is {json.dumps(seeds)}; give distinct numbers from 0, e.g. [42,43]")
    if "seed" in values:
        raise ConfigError(f"{text.strip()}: seed and seeds are both given; give one of them")
    return {k: v for k, v in values.items() if k != "seeds"} | {"seed": min(seeds)}


def _canonical(name: str, method: Calibrator, seeds: tuple[int, ...] = ()) -> str:
    """The text of a method of one seed, or of several."""
    changed = []
    for f in fields(method):
        value = getattr(method, f.name)
        if f.name == "seed" and seeds:
            if seeds != method.usual_seeds():
                changed.append(f"seeds={json.dumps(seeds, separators=(',', ':'))}")
        elif value != f.default or (f.name == "seed" and method.usual_seeds()):
            changed.append(f"{f.name}={written(value)}")
    return name + (f"({','.join(changed)})" if changed else "")


def _parsed(text: str) -> tuple[str, dict[str, Any]]:
    """Name and parameters; values are numbers, true, false, words, or lists of these."""
    match = re.fullmatch(r"\s*([\w-]+)\s*(?:\((.*)\))?\s*", text)
    if match is None:
        raise ConfigError(f"{text!r} is not NAME or NAME(KEY=VALUE, ...)")
    values: dict[str, Any] = {}
    inside = (match[2] or "").strip()
    for pair in re.split(_COMMA, inside) if inside else []:
        key, separator, value = (part.strip() for part in pair.partition("="))
        key = key.replace("-", "_")
        if not separator or not value:
            raise ConfigError(f"{text!r}: {pair.strip()!r} is not KEY=VALUE")
        if key in values:
            raise ConfigError(f"{text!r}: {key} is given twice")
        values[key] = _read(value)
    return match[1].replace("-", "_"), values


def _read(value: str) -> Any:
    try:
        return json.loads(value.lower())
    except ValueError:
        return value


def written(value: Any) -> str:
    """What `_read` reads as the value: words without quotes, 500.0 as 500."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) and _read(value) == value else json.dumps(value)

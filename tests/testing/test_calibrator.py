"""`check_calibrator`: a sound calibrator passes, and each law of fitting catches one that breaks it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import pytest
from scipy.special import log_softmax

from reliseg.calibration import Calibration, Calibrator
from reliseg.calibration.fitting.columns import inspect_columns
from reliseg.errors import CalibrationError
from reliseg.testing import check_calibrator


@dataclass(frozen=True)
class Divided(Calibration):
    """Logits divided by one temperature."""

    temperature: float
    keeps_argmax: ClassVar[bool] = True

    def __call__(self, prediction):
        return replace(prediction, inverse_temperatures=np.full(prediction.columns, 1 / self.temperature))


def best_temperature(sample) -> float:
    inspect_columns(sample, "grid")
    candidates = np.linspace(0.5, 5, 19)
    losses = np.zeros(len(candidates))
    for logits, labels in sample.blocks():
        pixel = np.arange(len(labels))
        losses += [-log_softmax(logits / t, axis=1)[pixel, labels].sum(dtype=np.float64) for t in candidates]
    return float(candidates[losses.argmin()])


@dataclass(frozen=True)
class Grid(Calibrator):
    """The best temperature of a few: a sound calibrator, which each case below breaks in one way."""

    def fit(self, sample):
        return Divided(best_temperature(sample))

    def restore(self, parameters):
        return Divided(**parameters)


@dataclass(frozen=True)
class Seeded(Grid):
    """The temperature of the first pixels alone: luck is part of it."""

    seed: int = 42

    def fit(self, sample):
        inspect_columns(sample, "seeded")
        z, labels = next(sample.blocks(64))
        return Divided(1.0 + float((z.argmax(axis=1) == labels).mean()))


@pytest.mark.parametrize("calibrator", [Grid(), Seeded()])
def test_a_sound_calibrator_passes(calibrator):
    check_calibrator(calibrator)


def test_so_many_images_are_drawn_as_it_needs():
    sizes = []

    @dataclass(frozen=True)
    class Many(Grid):
        least_images: ClassVar[int] = 12

        def fit(self, sample):
            sizes.append(len(sample.images))
            return super().fit(sample)

    check_calibrator(Many())
    assert sizes[0] == 12
    check_calibrator(Many(), images=14)
    assert max(sizes) == 14


def variant(calibration: type[Calibration] | None = None, **members: Any) -> Calibrator:
    """A `Grid` with other members; or one that fits, and restores, a calibration of another kind."""
    if calibration is not None:
        members["fit"] = lambda self, sample: calibration(best_temperature(sample))
        members["restore"] = lambda self, parameters: calibration(**parameters)
    return dataclass(frozen=True)(type("Variant", (Grid,), members))()


def before_fit(act: Callable[[Any], object], **members: Any) -> Calibrator:
    """A `Grid` that does something with the sample first."""

    def fit(self, sample):
        act(sample)
        return Grid().fit(sample)

    return variant(fit=fit, **members)


def fitting(temperature: Callable[[Any], float], **members: Any) -> Calibrator:
    """A calibrator that finds its temperature in another way."""

    def fit(self, sample):
        best_temperature(sample)
        return Divided(temperature(sample))

    return variant(fit=fit, **members)


class Mutable(Grid):
    pass


@dataclass(frozen=True)
class WithObject(Grid):
    """A parameter that nobody can write in a configuration."""

    kernel: object = object()


@dataclass(frozen=True)
class Undecided(Divided):
    keeps_argmax: ClassVar[Any] = None


@dataclass(frozen=True)
class Talkative(Divided):
    def notes(self):
        return ["one\ntwo"]


@dataclass(frozen=True)
class WithArray(Divided):
    """Parameters that JSON cannot hold in full."""

    def parameters(self):
        return {"temperature": np.float32(self.temperature)}


@dataclass(frozen=True)
class Infinite(Divided):
    loss: float = float("inf")


@dataclass(frozen=True)
class WithTable(Divided):
    table: Any = field(default_factory=lambda: np.array([np.nan]))


@dataclass(frozen=True)
class Forgetful(Divided):
    """What it does depends on more than its parameters."""

    restored: bool = False

    def parameters(self):
        return {"temperature": self.temperature}

    def __call__(self, prediction):
        slopes = np.full(prediction.columns, 2.0 if self.restored else 1 / self.temperature)
        return replace(prediction, inverse_temperatures=slopes)


def write_into(sample):
    for z, _ in sample.parts:
        z[0, 0] += 0


def move(sample):
    for z, _ in sample.parts:
        z[:, 0] += 1e-3


class Counter:
    calls = 0

    def next(self, sample) -> float:
        self.calls += 1
        return 1 + self.calls / 8


@dataclass(frozen=True)
class ReadsFeatures(Divided):
    def __call__(self, prediction):
        if prediction.feature is None:
            raise CalibrationError("no feature")
        return super().__call__(prediction)


@dataclass(frozen=True)
class ReadsImages(Divided):
    needs_image: ClassVar[bool] = True


@dataclass(frozen=True)
class OfFiveColumns(Divided):
    def __call__(self, prediction):
        if prediction.columns != 5:
            raise ValueError("five columns are needed")
        return super().__call__(prediction)


def mean_size(self, sample):
    if not len(sample):
        refuse("no pixel")
    z = np.concatenate([z[:, :4] for z, _ in sample.blocks()])
    return Divided(float(np.abs(z).mean(dtype=np.float64)))


def needing_features(fit: Callable[[Any], object] | None = None) -> Calibrator:
    members = {"needs_feature": True, "__annotations__": {"needs_feature": ClassVar[bool]}}
    return before_fit(fit or (lambda sample: None), **members)


BROKEN: dict[str, tuple[object, str]] = {
    "no calibrator": ("ts", r"an object of a subclass of Calibrator; its type is str"),
    "no dataclass": (Mutable(), r"decorated with @dataclass\(frozen=True\)"),
    "no image needed": (variant(least_images=0), r"least_images is at least 1; it is 0"),
    "an object as a parameter": (WithObject(), r"json.dumps raises no error on its parameters, which users write"),
    "an error in fit": (
        before_fit(lambda sample: sample.whole[0]),
        r"fit raises no error on a usual sample; it raised IndexError",
    ),
    "no calibration": (
        variant(fit=lambda self, sample: 1.5),
        r"fit\(\) gives a Calibration; on a usual sample a float",
    ),
    "no word on the argmax": (variant(Undecided), r"says whether it keeps_argmax; it says None"),
    "notes of two lines": (variant(Talkative), r"notes\(\) gives lines of text"),
    "numbers that are not plain": (
        variant(WithArray),
        r"json.dumps raises no error on parameters\(\) but for its arrays",
    ),
    "an infinite parameter": (variant(Infinite), r"parameters are finite; fitted on a usual sample, not loss"),
    "an array that is NaN": (variant(WithTable), r"parameters are finite; fitted on a usual sample, not table"),
    "restore fails": (
        variant(restore=lambda self, parameters: Divided(parameters["t"])),
        r"restore raises no error on its own parameters, read from JSON; it raised KeyError",
    ),
    "restored as another": (
        variant(restore=lambda self, parameters: Divided(1.0)),
        r"restore\(\) gives a calibration with the same fingerprint; from \{'temperature'",
    ),
    "restored, it does something else": (
        variant(
            fit=lambda self, sample: Forgetful(best_temperature(sample)),
            restore=lambda self, parameters: Forgetful(**parameters, restored=True),
        ),
        r"a restored calibration does the same; not on an image of the sample",
    ),
    "a changed sample": (before_fit(move), r"fit\(\) does not change the sample"),
    "luck without a seed": (fitting(Counter().next), r"fitted twice on one sample, it has the same parameters"),
    "the size of parts": (fitting(lambda sample: 1 + 1 / len(sample.parts)), r"divided into parts does not matter"),
    "the order of images": (
        fitting(lambda sample: 1 + float(sample.images[0].id[-1])),
        r"the order of images does not matter, except to a method with a seed; probabilities differ by",
    ),
    "an error in place of a refusal": (
        variant(fit=lambda self, sample: Divided(2.0 + 0 / len(sample))),
        r"it refuses with a CalibrationError; fit, on no image, raised ZeroDivisionError",
    ),
    "a refusal of two lines": (
        before_fit(lambda sample: [] if len(sample) else refuse("no image:\nsorry")),
        r"a CalibrationError is one line; fit, on no image, says 'no image:\\nsorry'",
    ),
    "NaN from a NaN": (
        variant(fit=mean_size),
        r"parameters are finite; fitted on a logit that is NaN, not temperature",
    ),
    "undeclared features": (
        variant(ReadsFeatures),
        r"the calibration raises no error on .*; it raised CalibrationError",
    ),
    "features that are not missed": (
        needing_features(),
        r"a sample without the features it needs is refused; it was fitted",
    ),
    "an error where features are missing": (
        needing_features(lambda sample: [len(i.feature) for i in sample.images]),
        r"fit, without features, raised TypeError",
    ),
    "an image that is not missed": (variant(ReadsImages), r"a prediction without the image it needs is refused"),
    "an error for other columns": (
        variant(OfFiveColumns),
        r"the calibration, on a prediction of 7 classes, raised ValueError: five columns are needed",
    ),
}


def refuse(text: str) -> None:
    raise CalibrationError(text)


@pytest.mark.parametrize("case", BROKEN)
def test_a_calibrator_that_breaks_a_law_is_told_which(case):
    calibrator, message = BROKEN[case]
    with pytest.raises(AssertionError, match=message) as caught:
        check_calibrator(calibrator)
    assert str(caught.value).startswith(f"calibrator {calibrator!r}: ")


def test_a_write_that_changes_nothing_is_none():
    check_calibrator(before_fit(write_into))

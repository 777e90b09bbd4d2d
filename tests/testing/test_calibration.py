"""What a fitted calibration may do to a prediction: each law catches one that does something else."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest

from reliseg.calibration import Calibration
from reliseg.prediction import Prediction
from reliseg.stats.view import CompiledTransform
from reliseg.testing.calibration import calibrated_logits, check_application
from reliseg.testing.laws import Examiner

EXAMINER = Examiner("mine")


def prediction() -> Prediction:
    return Prediction(np.random.default_rng(0).normal(0, 3, (4, 6, 8)).astype(np.float32), (12, 16))


@dataclass(frozen=True)
class Applied(Calibration):
    """A calibration that is a function."""

    function: Callable[[Prediction], object]
    keeps_argmax: ClassVar[bool] = True

    def __call__(self, prediction):
        return self.function(prediction)


@dataclass(frozen=True)
class MovesArgmax(Applied):
    keeps_argmax: ClassVar[bool] = False


def with_transform(transform: Callable[[np.ndarray], np.ndarray]) -> Applied:
    return Applied(lambda p: replace(p, transform=transform))


def halve_in_place(z: np.ndarray) -> None:
    z /= 2


def compiled(in_place: Callable[[np.ndarray], object]) -> Applied:
    return with_transform(CompiledTransform(lambda z: z / 2, in_place, keeps_argmax=True))


def shifted(z: np.ndarray) -> np.ndarray:
    """The order of classes, but for the first and the second."""
    return z + np.eye(len(z))[:, :1] * 5


SOUND = {
    "nothing": Applied(lambda p: p),
    "temperatures": Applied(lambda p: replace(p, inverse_temperatures=np.full(p.columns, 0.5))),
    "factors": Applied(lambda p: replace(p, pixel_factors=np.full(p.size, 2, np.float32))),
    "a transform": with_transform(lambda z: z / 2),
    "a compiled transform": compiled(halve_in_place),
    "other classes": MovesArgmax(lambda p: replace(p, transform=shifted)),
}


@pytest.mark.parametrize("case", SOUND)
def test_what_calibrates_logits_is_allowed(case):
    check_application(EXAMINER, SOUND[case], "a prediction", prediction())


def test_calibrated_logits_are_those_at_full_size():
    halves = calibrated_logits(EXAMINER, SOUND["temperatures"], "a prediction", prediction())
    whole = calibrated_logits(EXAMINER, SOUND["nothing"], "a prediction", prediction())
    assert whole.shape == (5, 12 * 16)
    np.testing.assert_array_equal(halves, whole / 2)


def spoil(p: Prediction) -> Prediction:
    p.logits[0, 0, 0] = 9
    return p


class Counter:
    calls = 0

    def slopes(self, p: Prediction) -> Prediction:
        self.calls += 1
        return replace(p, inverse_temperatures=np.full(p.columns, 1 / self.calls))


def overwrite(z: np.ndarray) -> np.ndarray:
    result = z / 2
    z[0] = 0
    return result


BROKEN: dict[str, tuple[Calibration, str]] = {
    "an error": (
        Applied(lambda p: p.image.shape),
        r"the calibration raises no error on a prediction; it raised Attrib",
    ),
    "an array": (Applied(lambda p: p.logits), r"gives a Prediction; on a prediction a ndarray"),
    "changed logits": (Applied(spoil), r"does not change the logits it is given"),
    "other logits": (
        Applied(lambda p: replace(p, logits=p.logits / 2)),
        r"sets nothing but .*; on a .* it sets logits",
    ),
    "too few temperatures": (
        Applied(lambda p: replace(p, inverse_temperatures=np.ones(4))),
        r"inverse_temperatures has the shape \(5,\); on a prediction \(4,\)",
    ),
    "a temperature without end": (
        Applied(lambda p: replace(p, inverse_temperatures=np.zeros(5))),
        r"inverse_temperatures are finite and above 0; on a prediction one is 0",
    ),
    "factors at native stride": (
        Applied(lambda p: replace(p, pixel_factors=np.ones((6, 8), np.float32))),
        r"pixel_factors has the shape \(12, 16\)",
    ),
    "a transform of fewer columns": (
        with_transform(lambda z: z[:4]),
        r"a logit for each it is given; on .* \(4, 192\)",
    ),
    "a transform that fails": (with_transform(lambda z: z[9]), r"transform raises no error on a prediction"),
    "NaN": (
        with_transform(lambda z: np.where(z > 0, np.nan, z)),
        r"finite logits stay finite, of magnitude 16777216 at most",
    ),
    "too large": (with_transform(lambda z: z * 1e8), r"finite logits stay finite"),
    "a new column": (with_transform(lambda z: np.maximum(z, -99)), r"columns of -inf stay -inf"),
    "another argmax": (with_transform(shifted), r"keeps_argmax is true only where .* of \d+ of 192 pixels changes"),
    "something else each time": (Applied(Counter().slopes), r"does the same each time"),
    "changed blocks": (with_transform(overwrite), r"transform does not change what it is given"),
    "the place of a pixel": (
        with_transform(lambda z: z / np.linspace(1, 2, z.shape[1])),
        r"own logits; on a prediction, other values for pixels in another order",
    ),
    "the size of a block": (
        with_transform(lambda z: z / z.shape[1]),
        r"own logits; .* other values for 5 pixels alone",
    ),
    "another twin": (
        compiled(lambda z: None),
        r"in_place of a CompiledTransform does what its definition does; .* off",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_calibration_that_breaks_a_law_is_told_which(case):
    calibration, message = BROKEN[case]
    with pytest.raises(AssertionError, match=f"mine: .*{message}"):
        check_application(EXAMINER, calibration, "a prediction", prediction())


def test_the_message_shows_a_pixel_before_and_after():
    def first_pixel(z: np.ndarray) -> Any:
        return np.where(np.arange(z.shape[1]) == 0, np.nan, z)

    with pytest.raises(AssertionError, match=r"on a prediction \[.*-inf\] becomes \[nan nan nan nan nan\]"):
        check_application(EXAMINER, with_transform(first_pixel), "a prediction", prediction())

"""`check_score`: a sound score passes, and each law catches a score that breaks it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from scipy.special import softmax

from reliseg.scores import Score
from reliseg.testing import check_score


@dataclass(frozen=True)
class Collision(Score):
    """The sum of squared probabilities: a sound score, which each case below breaks in one way."""

    def __call__(self, logits):
        return (softmax(logits, axis=0) ** 2).sum(axis=0)


def test_a_sound_score_passes():
    check_score(Collision())


class Mutable(Collision):
    pass


@dataclass(frozen=True)
class WithoutDefault(Collision):
    power: float


@dataclass(frozen=True)
class SaidToBeBuiltIn(Collision):
    built_in: ClassVar[bool] = True


@dataclass(frozen=True)
class Broken(Collision):
    """The sound score, with a call of its own."""

    call: Callable[..., object] = lambda score, z: score(z)

    def __call__(self, logits):
        return self.call(Collision(), logits)


def changing(score, z):
    values = score(z)
    z[:, :1] += 1
    return values


def log_of_probability(score, z):
    with np.errstate(divide="ignore"):
        return np.log(softmax(z, axis=0)).sum(axis=0)


class Counter:
    calls = 0

    def __call__(self, score, z):
        self.calls += 1
        return score(z) + 0.1 * self.calls


def relative_to_block(score, z):
    values = score(z)
    return values - values.mean() if values.size else values


BROKEN: dict[str, tuple[object, str]] = {
    "no score": (softmax, r"an object of a subclass of Score; its type is function"),
    "no dataclass": (Mutable(), r"decorated with @dataclass\(frozen=True\)"),
    "a parameter without default": (WithoutDefault(2.0), r"called without arguments; no default: power"),
    "an error": (
        Broken(lambda score, z: z[99]),
        r"a call raises no error on .*columns x pixels = 7 x 200; it raised Ind",
    ),
    "a list": (Broken(lambda score, z: score(z).tolist()), r"it gives a NumPy array; on .* a list"),
    "a number for each class": (
        Broken(lambda score, z: softmax(z, axis=0)),
        r"one number for each pixel; .*\(7, 200\)",
    ),
    "float32": (Broken(lambda score, z: score(z).astype(np.float32)), r"it gives float64; on .* float32"),
    "-inf": (Broken(log_of_probability), r"it is finite where a column is -inf and the others are finite; \[-inf\]"),
    "numbers without bound": (Broken(lambda score, z: np.exp(score(z) * 99)), r"its magnitude is at most 16777216"),
    "changed logits": (Broken(changing), r"it does not change the logits"),
    "another number each time": (Broken(Counter()), r"it gives the same values each time; \["),
    "a pixel's place": (
        Broken(lambda score, z: score(z) + 1e-3 * np.arange(z.shape[1])),
        r"function of its own logits: their order does not matter",
    ),
    "the block": (
        Broken(relative_to_block),
        r"how pixels are cut into blocks does not matter; other values for pixels 0",
    ),
    "an empty block": (Broken(lambda score, z: score(z) - 0 * z.max()), r"a call raises no error on .*'pixels 0 to 0'"),
    "the number of columns": (Broken(lambda score, z: score(z) - len(z)), r"a column of -inf .* changes nothing; "),
    "less sure is higher": (
        Broken(lambda score, z: -score(z)),
        r"higher is surer: .* from 1.25 to 1.5 it goes from -0.56",
    ),
    "a constant": (
        Broken(lambda score, z: 0 * score(z)),
        r"higher is surer: .*; from 0 to 0.25 it goes from 0 to 0",
    ),
    "unknown to the kernel": (SaidToBeBuiltIn(), r"built_in is for scores that reliseg's kernel computes by name"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_score_that_breaks_a_law_is_told_which(case):
    score, message = BROKEN[case]
    with pytest.raises(AssertionError, match=message) as caught:
        check_score(score)
    assert str(caught.value).startswith(f"score {score!r}: ")

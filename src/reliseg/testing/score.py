"""The laws of scores."""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from reliseg.prediction import LOGIT_LIMIT
from reliseg.scores import Score
from reliseg.stats.built_in_scores import confidences
from reliseg.stats.fixed import CALIBRATED_LIMIT
from reliseg.testing.laws import Examiner, check_specification
from reliseg.types import Block, Float64

Confidence: TypeAlias = Float64[np.ndarray, " p"]

_CLASSES, _PIXELS = 6, 200
_SPREADS = {"all logits equal": 0.0, "nearly equal logits": 0.01, "usual logits": 3.0, "far logits": 12.0}


def check_score(score: Score) -> None:
    """Raise an AssertionError that names the first law of scores that `score` breaks."""
    examiner = Examiner(f"score {score!r}")
    check_specification(examiner, score, Score)
    for case, z in _blocks().items():
        _check_values(examiner, z, _values(examiner, score, case, z))
    usual = _blocks()["usual logits"]
    _check_is_pure(examiner, score, usual)
    _check_each_pixel_alone(examiner, score, usual)
    _check_columns_without_probability(examiner, score, usual)
    _check_direction(examiner, score)
    _check_is_not_built_in(examiner, score, usual)


def _blocks() -> Mapping[str, Block]:
    g = np.random.default_rng(0)
    blocks = {name: g.normal(0, spread, (_CLASSES, _PIXELS)) for name, spread in _SPREADS.items()}
    blocks["two classes"] = g.normal(0, 3, (2, _PIXELS))
    blocks["logits as large as they may be"] = LOGIT_LIMIT * g.choice([-1.0, 1.0], (_CLASSES, _PIXELS))
    return {name: _with_other(z) for name, z in blocks.items()}


def _with_other(z: Block) -> Block:
    """Append the column `other` as a run does: -inf, where no model class goes to it."""
    return np.concatenate([z, np.full((1, z.shape[1]), -np.inf)])


def _values(examiner: Examiner, score: Score, case: str, z: Block) -> Confidence:
    with examiner.calling("a call", f"the block {case!r}, columns x pixels = {z.shape[0]} x {z.shape[1]}"):
        values = score(z)
    examiner.require(isinstance(values, np.ndarray), "it gives a NumPy array", f"on {case!r} a {type(values).__name__}")
    examiner.require(
        values.shape == (z.shape[1],), "it gives one number for each pixel", f"on {case!r} the shape {values.shape}"
    )
    examiner.require(values.dtype == np.float64, "it gives float64", f"on {case!r} {values.dtype}")
    return values


def _check_values(examiner: Examiner, z: Block, values: Confidence) -> None:
    strange = ~np.isfinite(values)
    examiner.require(
        not strange.any(),
        "it is finite where a column is -inf and the others are finite",
        f"{values[strange][:1]} for the logits {z[:, strange][:, :1].ravel()}",
    )
    largest = np.abs(values).max()
    examiner.require(
        largest <= CALIBRATED_LIMIT,
        f"its magnitude is at most {CALIBRATED_LIMIT:.0f}, so that sums are exact",
        f"it is {largest:.6g}",
    )


def _check_is_pure(examiner: Examiner, score: Score, z: Block) -> None:
    given = z.copy()
    first = _values(examiner, score, "usual logits", given)
    examiner.require(np.array_equal(given, z), "it does not change the logits", "they are other ones after the call")
    second = _values(examiner, score, "usual logits", given)
    unequal = first != second
    seen = f"{first[unequal][:1]}, then {second[unequal][:1]}"
    examiner.require(not unequal.any(), "it gives the same values each time", seen)


def _check_each_pixel_alone(examiner: Examiner, score: Score, z: Block) -> None:
    law = "the confidence of a pixel is a function of its own logits"
    whole = _values(examiner, score, "usual logits", z)
    order = np.random.default_rng(1).permutation(z.shape[1])
    permuted = _values(examiner, score, "usual logits, pixels in another order", z[:, order])
    examiner.require(
        np.array_equal(permuted, whole[order]), f"{law}: their order does not matter", "other values in another order"
    )
    for start, stop in ((0, 0), (0, 1), (1, 8), (8, z.shape[1])):
        part = _values(examiner, score, f"pixels {start} to {stop}", z[:, start:stop])
        examiner.require(
            np.allclose(part, whole[start:stop], rtol=1e-12, atol=1e-12),
            f"{law}: how pixels are cut into blocks does not matter",
            f"other values for pixels {start} to {stop} alone",
        )


def _check_columns_without_probability(examiner: Examiner, score: Score, z: Block) -> None:
    whole = _values(examiner, score, "usual logits", z)
    more = _values(examiner, score, "usual logits with one more column of -inf", _with_other(z))
    examiner.require(
        np.allclose(more, whole, rtol=1e-12, atol=1e-12),
        "a column of -inf has no probability and changes nothing",
        f"{whole[0]:.6g} becomes {more[0]:.6g}",
    )


def _check_direction(examiner: Examiner, score: Score) -> None:
    """Require more confidence when the logit of the predicted class rises and the others stay as they are."""
    gaps = np.linspace(0, 15, 61)
    z = _with_other(np.stack([gaps, np.zeros(61), np.full(61, -1.0)]))
    values = _values(examiner, score, "a rising logit of the predicted class", z)
    steps = np.diff(values)
    place = int(steps.argmin())
    examiner.require(
        (steps >= 0).all() and values[-1] > values[0],
        "higher is surer: it never falls, and rises in all, when only the logit of the predicted class rises",
        f"from {gaps[place]:g} to {gaps[place + 1]:g} it goes from {values[place]:.6g} to {values[place + 1]:.6g}",
    )


def _check_is_not_built_in(examiner: Examiner, score: Score, z: Block) -> None:
    if score.built_in:
        values = _values(examiner, score, "usual logits", z)
        examiner.require(
            any(np.array_equal(values, known) for known in confidences(z).values()),
            "built_in is for scores that reliseg's kernel computes by name",
            "the kernel has none with these values; leave built_in as it is",
        )

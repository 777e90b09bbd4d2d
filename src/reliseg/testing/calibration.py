"""The laws of fitted calibrations: what they may do to a prediction."""

import math
from dataclasses import fields

import numpy as np
from scipy.special import softmax

from reliseg.calibration import Calibration
from reliseg.kernels.reference import full_logits, projected_logits
from reliseg.prediction import Prediction
from reliseg.stats.fixed import CALIBRATED_LIMIT
from reliseg.stats.view import CompiledTransform, Transform
from reliseg.testing.laws import Examiner
from reliseg.types import Block

TOLERANCE = 1e-3
"""How far a probability may be from another that should equal it: optimisers stop where they stop."""
_CALIBRATES = ("inverse_temperatures", "pixel_factors", "transform")
"""The fields of a prediction that a calibration may set."""


def apply(examiner: Examiner, calibration: Calibration, case: str, prediction: Prediction) -> Prediction:
    """Return the calibrated prediction; an AssertionError where the calibration raises an error."""
    with examiner.calling("the calibration", case):
        after = calibration(prediction)
    examiner.require(
        isinstance(after, Prediction), "a calibration gives a Prediction", f"on {case} a {type(after).__name__}"
    )
    return after


def calibrated_logits(examiner: Examiner, calibration: Calibration, case: str, prediction: Prediction) -> Block:
    """Return the calibrated logits of all pixels at full size."""
    return _full_logits(examiner, case, apply(examiner, calibration, case, prediction))


def _full_logits(examiner: Examiner, case: str, prediction: Prediction) -> Block:
    with examiner.calling("transform", case):
        logits = full_logits(prediction.view(), prediction.columns)
    shape = (prediction.columns, math.prod(prediction.size))
    examiner.require(logits.shape == shape, "transform gives a logit for each it is given", f"on {case} {logits.shape}")
    return logits


def check_application(examiner: Examiner, calibration: Calibration, case: str, prediction: Prediction) -> None:
    """Require that the calibration does to a prediction what it may, and nothing else."""
    logits = np.array(prediction.logits)
    after = apply(examiner, calibration, case, prediction)
    unchanged = np.array_equal(logits, np.asarray(prediction.logits))
    examiner.require(unchanged, "a calibration does not change the logits it is given", f"it does on {case}")
    others = [f.name for f in fields(Prediction) if f.name not in _CALIBRATES]
    set_ = ", ".join(name for name in others if getattr(after, name) is not getattr(prediction, name))
    examiner.require(not set_, f"a calibration sets nothing but {', '.join(_CALIBRATES)}", f"on {case} it sets {set_}")
    _check_factors(examiner, case, after)
    before = projected_logits(prediction.view(), prediction.columns)
    calibrated = _full_logits(examiner, case, after)
    _check_logits(examiner, case, before, calibrated)
    changed = int((before.argmax(axis=0) != calibrated.argmax(axis=0)).sum())
    examiner.require(
        not changed or not calibration.keeps_argmax,
        "keeps_argmax is true only where no pixel's predicted class changes",
        f"on {case} that of {changed} of {before.shape[1]} pixels changes",
    )
    again = calibrated_logits(examiner, calibration, case, prediction)
    examiner.require(np.array_equal(calibrated, again), "a calibration does the same each time", f"not on {case}")
    if after.transform is not None:
        _check_transform(examiner, case, after.transform, before)


def _check_factors(examiner: Examiner, case: str, after: Prediction) -> None:
    for name, shape in (("inverse_temperatures", (after.columns,)), ("pixel_factors", after.size)):
        factors = getattr(after, name)
        if factors is not None:
            examiner.require(factors.shape == shape, f"{name} has the shape {shape}", f"on {case} {factors.shape}")
            positive = np.isfinite(factors).all() and (factors > 0).all()
            examiner.require(positive, f"{name} are finite and above 0", f"on {case} one is {factors.min()}")


def _check_logits(examiner: Examiner, case: str, before: Block, calibrated: Block) -> None:
    finite = np.isfinite(before)
    usable = np.where(finite, np.abs(calibrated) <= CALIBRATED_LIMIT, True).all(axis=0)
    closed = np.where(finite, True, calibrated == -np.inf).all(axis=0)
    for holds, law in (
        (usable, f"finite logits stay finite, of magnitude {CALIBRATED_LIMIT:.0f} at most"),
        (closed, "columns of -inf stay -inf"),
    ):
        pixel = int(holds.argmin())
        examiner.require(holds.all(), law, f"on {case} {before[:, pixel]} becomes {calibrated[:, pixel]}")


def _check_transform(examiner: Examiner, case: str, transform: Transform, z: Block) -> None:
    original = z.copy()
    whole = transform(z)
    examiner.require(np.array_equal(original, z), "transform does not change what it is given", f"it does on {case}")
    order = np.random.default_rng(2).permutation(z.shape[1])
    law = "transform is a function of each pixel's own logits"
    permuted, part = transform(z[:, order]), transform(z[:, :5])
    examiner.require(_close(permuted, whole[:, order]), law, f"on {case}, other values for pixels in another order")
    examiner.require(_close(part, whole[:, :5]), law, f"on {case}, other values for 5 pixels alone")
    if isinstance(transform, CompiledTransform):
        live = np.isfinite(z).all(axis=1)
        fast = np.ascontiguousarray(z[live], np.float32)
        transform.in_place(fast)
        definition, twin = softmax(whole[live], axis=0), softmax(fast.astype(np.float64), axis=0)
        rounding = 1e-6 * np.abs(whole[live]).max()  # of float32, and what follows from it
        difference = np.abs(twin - definition).max()
        examiner.require(
            difference <= TOLERANCE + rounding,
            "in_place of a CompiledTransform does what its definition does",
            f"on {case} a probability is {difference:.2g} off",
        )


def _close(first: Block, second: Block) -> bool:
    return np.allclose(first, second, rtol=1e-9, atol=1e-9)

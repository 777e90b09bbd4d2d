"""The laws of calibrators."""

import json
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import TypeVar

import numpy as np
from scipy.special import softmax
from threadpoolctl import threadpool_limits

from reliseg.calibration import Calibration, CalibrationSample, Calibrator
from reliseg.errors import CalibrationError, error_text
from reliseg.labels import Projection
from reliseg.prediction import LOGIT_LIMIT, Prediction
from reliseg.testing.calibration import TOLERANCE, calibrated_logits, check_application
from reliseg.testing.laws import Examiner, check_specification
from reliseg.testing.samples import (
    CLASSES,
    FEATURE,
    SIZE,
    DrawnImage,
    drawn_images,
    recut,
    sample_for,
    unusual_images,
)
from reliseg.testing.worlds import space

T = TypeVar("T")


def check_calibrator(calibrator: Calibrator, *, images: int = 8) -> None:
    """Raise an AssertionError that names the first law of calibrators that `calibrator`, or what it fits, breaks.

    It is fitted some twenty times on so many drawn images of 12 x 16 pixels and 4 classes, or on more if it says that
    it needs them.
    """
    with threadpool_limits(1, "blas"):  # as in a run: the last bits of a matrix product depend on its threads
        _check(Examiner(f"calibrator {calibrator!r}"), calibrator, images)


def _check(examiner: Examiner, calibrator: Calibrator, images: int) -> None:
    check_specification(examiner, calibrator, Calibrator)
    _check_declarations(examiner, calibrator)
    split = drawn_images(max(images, calibrator.least_images))
    calibration = _fit(examiner, calibrator, "a usual sample", sample_for(calibrator, split))
    predictions = _predictions(calibrator, calibration, split)
    for case, prediction in predictions.items():
        check_application(examiner, calibration, case, prediction)
    _check_restored(examiner, calibrator, calibration, predictions)
    _check_fit_is_pure(examiner, calibrator, calibration, sample_for(calibrator, split))
    _check_arrangement(examiner, calibrator, calibration, split)
    _check_unusual_samples(examiner, calibrator, split)
    _check_needs(examiner, calibrator, calibration, split)
    _check_other_columns(examiner, calibration, split[0])


def _check_declarations(examiner: Examiner, calibrator: Calibrator) -> None:
    examiner.require(calibrator.least_images >= 1, "least_images is at least 1", f"it is {calibrator.least_images}")
    parameters = {f.name: getattr(calibrator, f.name) for f in fields(calibrator)}
    with examiner.calling("json.dumps", "its parameters, which users write as NAME(KEY=VALUE)"):
        json.dumps(parameters, allow_nan=False)


def _fit(examiner: Examiner, calibrator: Calibrator, case: str, sample: CalibrationSample) -> Calibration:
    with examiner.calling("fit", case):
        calibration = calibrator.fit(sample)
    examiner.require(
        isinstance(calibration, Calibration), "fit() gives a Calibration", f"on {case} a {type(calibration).__name__}"
    )
    keeps = getattr(calibration, "keeps_argmax", None)
    examiner.require(isinstance(keeps, bool), "a calibration says whether it keeps_argmax", f"it says {keeps!r}")
    lines = calibration.notes()
    plain = all(isinstance(line, str) and "\n" not in line for line in lines)
    examiner.require(plain, "notes() gives lines of text", f"on {case} {lines!r}")
    return calibration


def _predictions(
    calibrator: Calibrator, calibration: Calibration, split: Sequence[DrawnImage]
) -> dict[str, Prediction]:
    """Return what a calibration is applied to, with what it asks for and no more."""
    first = split[0].prediction()
    large = LOGIT_LIMIT * np.random.default_rng(1).choice([-1.0, 1.0], first.logits.shape)
    coarse = np.ascontiguousarray(split[0].logits[:, ::4, ::4])
    cases = {
        "an image of the sample": first,
        "another image of the sample": split[-1].prediction(),
        "logits at a quarter of the size": replace(first, logits=coarse, align_corners=True),
        "equal logits": replace(first, logits=np.zeros_like(coarse)),
        "logits as large as they may be": replace(first, logits=large.astype(np.float32)),
    }
    return {name: _drop_extras(prediction, calibrator, calibration) for name, prediction in cases.items()}


def _drop_extras(prediction: Prediction, calibrator: Calibrator, calibration: Calibration) -> Prediction:
    feature = prediction.feature if calibrator.needs_feature else None
    return replace(prediction, feature=feature, image=prediction.image if calibration.needs_image else None)


def _check_restored(
    examiner: Examiner, calibrator: Calibrator, calibration: Calibration, predictions: dict[str, Prediction]
) -> None:
    """Require the same calibration from what a record holds: JSON, and arrays beside it."""
    parameters = calibration.parameters()
    arrays = {key: v for key, v in parameters.items() if isinstance(v, np.ndarray)}
    _check_finite(examiner, calibration, "a usual sample")
    with examiner.calling(
        "json.dumps", "parameters() but for its arrays (numbers that are plain and finite are needed)"
    ):
        text = json.dumps({key: v for key, v in parameters.items() if key not in arrays}, allow_nan=False)
    with examiner.calling("restore", "its own parameters, read from JSON"):
        restored = calibrator.restore(json.loads(text) | {key: array.copy() for key, array in arrays.items()})
    examiner.require(
        restored.fingerprint() == calibration.fingerprint(),
        "restore() gives a calibration with the same fingerprint",
        f"from {parameters!r} it makes {restored.parameters()!r}",
    )
    for case, prediction in predictions.items():
        first, second = (calibrated_logits(examiner, c, case, prediction) for c in (calibration, restored))
        examiner.require(np.array_equal(first, second), "a restored calibration does the same", f"not on {case}")


def _check_finite(examiner: Examiner, calibration: Calibration, case: str) -> None:
    numbers = {k: v for k, v in calibration.parameters().items() if isinstance(v, float | np.ndarray)}
    strange = [key for key, v in numbers.items() if not np.isfinite(v).all()]
    examiner.require(not strange, "parameters are finite", f"fitted on {case}, not {', '.join(strange)}")


def _check_fit_is_pure(
    examiner: Examiner, calibrator: Calibrator, calibration: Calibration, sample: CalibrationSample
) -> None:
    before = [(z.copy(), labels.copy()) for z, labels in sample.parts]
    again = _fit(examiner, calibrator, "the same sample again", sample)
    equal = all(
        np.array_equal(a, b)
        for part, copy in zip(sample.parts, before, strict=True)
        for a, b in zip(part, copy, strict=True)
    )
    examiner.require(equal, "fit() does not change the sample", "logits or labels are other ones after it")
    examiner.require(
        again.fingerprint() == calibration.fingerprint(),
        "fitted twice on one sample, it has the same parameters",
        f"{calibration.parameters()!r}, then {again.parameters()!r}",
    )


def _check_arrangement(
    examiner: Examiner, calibrator: Calibrator, calibration: Calibration, split: Sequence[DrawnImage]
) -> None:
    others = {"how pixels are divided into parts does not matter": recut(sample_for(calibrator, split), 7)}
    if not any(f.name == "seed" for f in fields(calibrator)):
        others["the order of images does not matter, except to a method with a seed"] = sample_for(
            calibrator, split[::-1]
        )
    for law, sample in others.items():
        refitted = _fit(examiner, calibrator, "the same pixels, arranged differently", sample)
        for image in split:
            prediction = _drop_extras(image.prediction(), calibrator, calibration)
            first, second = (
                softmax(calibrated_logits(examiner, c, image.id, prediction), axis=0) for c in (calibration, refitted)
            )
            difference = np.abs(first - second).max()
            examiner.require(difference <= TOLERANCE, law, f"probabilities differ by {difference:.2g}")


def _check_unusual_samples(examiner: Examiner, calibrator: Calibrator, split: Sequence[DrawnImage]) -> None:
    """Require that each sample is refused in one line, or that what is fitted on it can be applied."""
    for case, images in unusual_images(len(split)).items():
        sample = sample_for(calibrator, images)
        calibration = _unless_refused(examiner, f"fit, on {case},", partial(calibrator.fit, sample))
        if calibration is not None:
            _check_finite(examiner, calibration, case)
            for name, prediction in _predictions(calibrator, calibration, split).items():
                check_application(examiner, calibration, f"{name}, fitted on {case}", prediction)


def _unless_refused(examiner: Examiner, call: str, function: Callable[[], T]) -> T | None:
    """Return what the function gives, or None where it refuses with a CalibrationError of one line."""
    try:
        return function()
    except CalibrationError as error:
        plain = bool(str(error)) and "\n" not in str(error)
        examiner.require(plain, "the text of a CalibrationError is one line", f"{call} says {str(error)!r}")
    except Exception as error:
        seen = f"{call} raised {error_text(error)}"
        examiner.require(False, "what it cannot do, it refuses with a CalibrationError", seen)
    return None


def _check_needs(
    examiner: Examiner, calibrator: Calibrator, calibration: Calibration, split: Sequence[DrawnImage]
) -> None:
    if calibrator.needs_feature:
        without = sample_for(calibrator, [replace(image, feature=None) for image in split])
        result = _unless_refused(examiner, "fit, without features,", partial(calibrator.fit, without))
        examiner.require(result is None, "a sample without the features it needs is refused", "it was fitted")
    if calibration.needs_image:
        bare = replace(split[0].prediction(), image=None)
        after = _unless_refused(examiner, "the calibration, without an image,", partial(calibration, bare))
        examiner.require(after is None, "a prediction without the image it needs is refused", "it was calibrated")


def _check_other_columns(examiner: Examiner, calibration: Calibration, image: DrawnImage) -> None:
    """Require that predictions of other classes than it was fitted on are refused, or calibrated as any other."""
    logits = np.random.default_rng(3).normal(0, 3, (7, *SIZE)).astype(np.float32)
    seven = Prediction(logits, SIZE, feature=np.ones(FEATURE, np.float32), image=image.pixels)
    projection = Projection.of(space(7), space(CLASSES), (0, 1, 2, 3, 0, -1, -1))
    for case, prediction in {
        "a prediction of 7 classes": seven,
        "7 classes that are projected to 4 and `other`": seven.project(projection),
    }.items():
        call = f"the calibration, on {case},"
        if _unless_refused(examiner, call, partial(calibration, prediction)) is not None:
            check_application(examiner, calibration, case, prediction)

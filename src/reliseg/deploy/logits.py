"""Logits that somebody has already -> calibrated logits, in NumPy."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from reliseg.calibration import calibrator
from reliseg.calibration.records.record import Record, read_record
from reliseg.deploy.inputs import array_problem
from reliseg.errors import ConfigError, shape_text
from reliseg.kernels.reference import full_logits
from reliseg.prediction import Prediction
from reliseg.stats.rows import row_blocks
from reliseg.types import Float, Float32, UInt8


def calibrate_logits(
    logits: Float[np.ndarray, "c h w"],
    record: Record | str | Path,
    *,
    size: tuple[int, int] | None = None,
    align_corners: bool = False,
    feature: Float[np.ndarray, " f"] | None = None,
    image: UInt8[np.ndarray, "H W 3"] | None = None,
) -> Float32[np.ndarray, "c H W"]:
    """Return calibrated logits, whose softmax is the calibrated probability of each class.

    `logits` are those of one image, classes x height x width, in the classes of the fitted calibration `record` (or of
    the file that it lies in). They are brought to `size` (height, width) first, bilinearly, where it is given: do so
    before the softmax, as the run does. `cluster_ts` needs the `feature` of the image, and `lts` the `image` itself,
    8-bit RGB at that size. A ConfigError or a CalibrationError says in one line what does not fit.
    """
    fitted = record if isinstance(record, Record) else read_record(Path(record).expanduser())
    given = np.asarray(logits)
    classes = len(fitted.classes)
    if given.ndim != 3 or len(given) != classes or given.dtype.kind != "f" or given.size == 0:
        raise ConfigError(
            f"{fitted.name} was fitted for {classes} classes, and logits of {given.dtype}, {shape_text(given.shape)}, "
            f"are not {classes} x height x width of floats; give those of one image in its classes"
        )
    shape = (int(given.shape[1]), int(given.shape[2])) if size is None else (int(size[0]), int(size[1]))
    vector = None if feature is None else np.asarray(feature, np.float32)
    prediction = Prediction(np.ascontiguousarray(given, np.float32), shape, align_corners, vector)
    if problem := prediction.problem():
        raise ConfigError(problem.replace("the model gave", "logits are wrong:"))
    if feature is None and calibrator(fitted.method).needs_feature:
        raise ConfigError(f"{fitted.name} needs the feature of the image, as in its fit; give feature=")
    if image is None and fitted.calibration.needs_image:
        raise ConfigError(f"{fitted.name} needs the image itself; give image=, 8-bit RGB")
    if image is not None and (problem := array_problem(np.asarray(image))):
        raise ConfigError(f"the image {problem}")
    calibrated = fitted.calibration(replace(prediction, image=image))
    whole = np.empty((classes, *shape), np.float32)
    for rows in row_blocks((classes + 1, *shape)):
        z = full_logits(calibrated.view(), classes + 1, rows)[:classes]
        whole[:, rows] = z.reshape(classes, -1, shape[1])
    return whole

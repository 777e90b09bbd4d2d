"""Predictions in files: what a .npz or .npy file must hold to be one, and how one is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from reliseg.errors import shape_text
from reliseg.labels import LabelSpace
from reliseg.models.array_files import ArrayFileError, ArrayHeader, ArraySource, open_arrays, type_text
from reliseg.models.base import Values
from reliseg.models.output_check import class_count_problem, logits_problem, probabilities_problem
from reliseg.prediction import Prediction
from reliseg.runtime.atomic_files import write_atomically
from reliseg.stats.probabilities import LOG_ZERO
from reliseg.types import Feature

_ARRAYS = ("logits", "probabilities", "align_corners", "feature")
_LARGEST_SIDE = 4
"""How many times as high and as wide as the image a prediction may be."""
_SMALL = 1 << 24
"""Bytes that an array may have in any case."""
_AT_FIRST = 1 << 28
"""Bytes of a prediction whose image is not known yet: of a larger one only the header is looked at."""
_ROUNDING = 0.1
Sources: TypeAlias = Mapping[str, ArraySource]


@dataclass(frozen=True, eq=False)
class Expected:
    """What files must hold: classes, and logits or probabilities, if `values` or an `earlier` file says which."""

    labels: LabelSpace
    values: Values | None = None
    earlier: Values | None = None


@dataclass(frozen=True, eq=False)
class StoredArrays:
    """The content of a file."""

    array: np.ndarray
    """Logits or probabilities, as they were written."""
    align_corners: bool
    feature: Feature | None


def look_at_file(path: Path, expected: Expected) -> Values:
    """Return what a file holds, after all checks that need no image; an ArrayFileError says what is wrong with it."""
    with open_arrays(path, _ARRAYS, expected.values or "logits") as sources:
        values = _values(sources, expected)
        header = sources[values].header
        _check_header(header, values, expected.labels)
        if header.size <= _AT_FIRST:
            _read_all(sources, values, expected, _AT_FIRST)
    return values


def read_file(path: Path, expected: Expected, size: tuple[int, int]) -> StoredArrays:
    """Return what a file holds for an image of this size; an ArrayFileError says what is wrong with it."""
    with open_arrays(path, _ARRAYS, expected.values or "logits") as sources:
        values = _values(sources, expected)
        header = sources[values].header
        _check_header(header, values, expected.labels)
        limit = max(_SMALL, _LARGEST_SIDE**2 * header.shape[0] * size[0] * size[1] * header.dtype.itemsize)
        return _read_all(sources, values, expected, limit)


def save_logits(path: Path, prediction: Prediction) -> None:
    """Write a model's prediction, before projection and calibration, as `stored` reads it: whole or not at all.

    Logits are written as float16 where that is exact enough. Probabilities are written as they are: in float16 the
    small ones would become 0. Rows that are computed when they are read are written at the size of the image.
    """
    arrays: dict[str, Any] = {"align_corners": np.bool_(prediction.align_corners)}
    if prediction.is_of_probabilities and prediction.probabilities is None:
        arrays["probabilities"] = probabilities_of(np.asarray(prediction.logits))
    elif prediction.probabilities is None:
        logits = np.asarray(prediction.logits)
        arrays["logits"] = logits.astype(_sufficient_type(logits), copy=False)
    else:
        arrays["probabilities"] = prediction.probabilities
    if prediction.feature is not None:
        arrays["feature"] = prediction.feature
    write_atomically(path, lambda file: np.savez(file, allow_pickle=False, **arrays))


def probabilities_of(logs: np.ndarray) -> np.ndarray:
    """Return the softmax of what stands for logarithms of probabilities, in place; of `LOG_ZERO` it is 0."""
    for y in range(logs.shape[1]):  # a row at a time: a copy of all would be as large again
        row = logs[:, y]
        p = np.exp(row.astype(np.float64) - row.max(axis=0))
        p[row == np.float32(LOG_ZERO)] = 0
        logs[:, y] = p / p.sum(axis=0)
    return logs


def _sufficient_type(logits: np.ndarray) -> type[np.floating[Any]]:
    """Return float16, or float32 where that rounds by over 0.1, or by over 1/256 of the range of the logits.

    Far from 0, and very near to it, its steps are as large as what tells the classes apart.
    """
    allowed = min(_ROUNDING, (float(logits.max()) - float(logits.min())) / 256)
    with np.errstate(over="ignore", invalid="ignore"):
        off = max(float(abs(one.astype(np.float16).astype(np.float32) - one).max()) for one in logits)
    return np.float16 if off <= allowed else np.float32  # NaN and infinity are the sample's error, and not written


def _values(sources: Sources, expected: Expected) -> Values:
    """Return which of the two arrays counts."""
    stated = expected.values
    found: list[Values] = [name for name in ("logits", "probabilities") if name in sources]
    if not found:
        raise ArrayFileError("has no array 'logits' or 'probabilities'; write it with numpy.savez(path, logits=...)")
    if stated and stated not in found:
        raise ArrayFileError(
            f"has an array {found[0]!r}, and values says {stated}; name the array {stated!r}, or correct values"
        )
    if len(found) > 1 and not stated:
        raise ArrayFileError("has both 'logits' and 'probabilities'; say by values which of them counts")
    values = stated or found[0]
    if expected.earlier and values != expected.earlier:
        raise ArrayFileError(
            f"holds {values}, and the first file of the folder {expected.earlier}; keep one kind in a folder"
        )
    return values


def _check_header(header: ArrayHeader, values: Values, labels: LabelSpace) -> None:
    if header.dtype.kind != "f":
        hint = "not a map of classes" if values == "logits" else "not rounded to integers"
        raise ArrayFileError(f"holds {type_text(header.dtype)}; {values} must be floating-point, {hint}")
    if len(header.shape) != 3 or 0 in header.shape:
        raise ArrayFileError(
            f"holds an array of {shape_text(header.shape)}; write {values} as classes x height x width"
        )
    problem = class_count_problem(header.shape[0], labels)
    if problem:
        raise ArrayFileError(f"{problem}, or write {values} as classes x height x width")


def _read_all(sources: Sources, values: Values, expected: Expected, limit: int) -> StoredArrays:
    """Read the arrays, and look at their values."""
    array = _native(sources[values].read(limit))
    if values == "logits":
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused later
            array = np.ascontiguousarray(array, np.float32)
        problem = logits_problem(array, expected.labels, stated=expected.values is not None)
    else:
        problem = probabilities_problem(array, expected.labels)
    if problem:
        raise ArrayFileError(problem)
    return StoredArrays(array, _flag(sources), _feature(sources))


def _flag(sources: Sources) -> bool:
    source = sources.get("align_corners")
    if source is None:
        return False
    if source.header.dtype.kind in "bui" and source.header.size == source.header.dtype.itemsize:
        value = source.read(_SMALL).item()
        if value in (0, 1):
            return bool(value)
    raise ArrayFileError("holds an 'align_corners' that is not one boolean")


def _feature(sources: Sources) -> Feature | None:
    source = sources.get("feature")
    if source is None:
        return None
    shape, dtype = source.header.shape, source.header.dtype
    if len(shape) != 1 or 0 in shape or dtype.kind != "f":
        raise ArrayFileError(f"holds a 'feature' of {type_text(dtype)}, {shape_text(shape)}; write one float vector")
    with np.errstate(over="ignore", invalid="ignore"):
        return np.ascontiguousarray(source.read(_SMALL), np.float32)


def _native(array: np.ndarray) -> np.ndarray:
    """Return the array in this machine's order of bytes, and in a type that has a short name."""
    return array.astype(array.dtype.newbyteorder("=") if array.dtype.itemsize <= 8 else np.float64, copy=False)

"""What determines the numbers that come of a model's predictions on a domain: the one list of its parts.

Parts are content: no name, path or time is among them. The bytes of images, masks and stored predictions belong to an
identity too, sample by sample (`reliseg.run.hashes`), and so do calibrations.
"""

import hashlib
import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from reliseg.calibration import Calibration
from reliseg.data import DataSet
from reliseg.models import Model
from reliseg.plan.plan import Target
from reliseg.run.predict.model_inputs import uses_size_of
from reliseg.runtime.regular_files import sha256_of_file
from reliseg.scores.base import SCORES
from reliseg.stats import Layout

Parts: TypeAlias = Mapping[str, str]
"""What each part is, by the name that messages give it: two results are of the same inputs if all are equal."""


def parts_of_predictions(model: Model, targets: Iterable[Target], batch: int) -> dict[str, str]:
    """Return the parts of what a model predicts on these domains: its projected logits, beside their labels."""
    parts = {
        "model": model.fingerprint(),
        "batch": _digest(batch if model.reads_images else None),
    }
    every = list(targets)
    parts |= parts_of_code([model])
    resized = [t.dataset.resize if uses_size_of(model, t.dataset) else None for t in every]
    parts |= {"size of the images": _digest(resized)} if any(resized) else {}
    return parts | {name: _digest([part(model, t) for t in every]) for name, part in _PARTS_OF_DOMAIN.items()}


def parts_of_statistics(layout: Layout) -> dict[str, str]:
    """Return the parts of what is counted of predictions: scores, and the code of those that other packages bring."""
    code = {name: _code(SCORES.get(name)) for name in layout.scores if name not in SCORES.shipped_names()}
    return {"scores": _digest([astuple(layout), code])}


def parts_of_code(plugins: Iterable[object]) -> dict[str, str]:
    """Return the code of models and calibrations that other packages bring, as one part; none where all ship."""
    kinds = {type(plugin) for plugin in plugins}
    code = sorted(_code(kind) for kind in kinds if kind.__module__.partition(".")[0] != "reliseg")
    return {"code of another package": _digest(code)} if code else {}


def identity_of_calibration(calibration: Calibration) -> str:
    """Return what tells one fitted calibration from another: its fingerprint, and the code of another package."""
    fingerprint, code = calibration.fingerprint(), parts_of_code([calibration])
    return _digest([fingerprint, code]) if code else fingerprint


def _projection(model: Model, target: Target) -> Any:
    return len(target.dataset.labels), target.dataset.projection(model.labels).groups


def _label_map(model: Model, target: Target) -> Any:
    return _content_of_map(target.dataset)


def _augmentation(model: Model, target: Target) -> Any:
    return sorted({repr(s.copy.augmentation) for s in target.domain.samples if s.copy is not None})


_PARTS_OF_DOMAIN: Mapping[str, Callable[[Model, Target], Any]] = {
    "projection": _projection,
    "label map": _label_map,
    "augmentation": _augmentation,
}


def _content_of_map(dataset: DataSet) -> list[Any]:
    """Return all that says which class a stored id or color is of."""
    content = dataset.label_map
    values = {f.name: getattr(content, f.name) for f in fields(content) if f.name not in _NAMES}
    return [type(content).__name__, dataset.encoding, sorted(values.items())]


_NAMES = ("palette_of",)
"""Fields of label maps that messages need: names, not content."""


def _code(plugin: type) -> str:
    """Return the sha256 of the file that a class stands in."""
    try:
        file = inspect.getsourcefile(plugin)
    except (TypeError, OSError):  # of a class that no file holds
        return ""
    return sha256_of_file(Path(file)) if file else ""


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, default=_encode).encode()).hexdigest()


def _encode(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [str(value.dtype), value.shape, hashlib.sha256(value.tobytes()).hexdigest()]
    return repr(value)

"""What determines the numbers that come of a model's predictions on a domain: the one list of its parts.

Parts are content: no name, path or time is among them. The bytes of images, masks and stored predictions belong to an
identity too, sample by sample (`reliseg.run.hashes`), and so do calibrations.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeAlias

from reliseg.calibration import Calibration
from reliseg.data import DataSet
from reliseg.plan.plan import Target
from reliseg.run.predict.model_facts import ModelFacts
from reliseg.run.predict.model_inputs import uses_size_of
from reliseg.run.predict.plugin_code import code_of, digest_of, parts_of_code
from reliseg.scores.base import SCORES
from reliseg.stats import Layout

Parts: TypeAlias = Mapping[str, str]
"""What each part is, by the name that messages give it: two results are of the same inputs if all are equal."""


def parts_of_predictions(model: ModelFacts, targets: Iterable[Target], batch: int) -> dict[str, str]:
    """Return the parts of what a model predicts on these domains: its projected logits, beside their labels."""
    parts = {
        "model": model.fingerprint,
        "batch": digest_of(batch if model.reads_images else None),
    }
    every = list(targets)
    parts |= model.code
    resized = [t.dataset.resize if uses_size_of(model, t.dataset) else None for t in every]
    parts |= {"size of the images": digest_of(resized)} if any(resized) else {}
    corrupted = _corruptions(every)
    parts |= {"corruption": digest_of(corrupted)} if corrupted else {}
    return parts | {name: digest_of([part(model, t) for t in every]) for name, part in _PARTS_OF_DOMAIN.items()}


def codes_of_scores(layout: Layout) -> dict[str, str]:
    """Return the sha256 of the code of the scores that other packages bring."""
    shipped = SCORES.shipped_names()
    return {name: code_of(SCORES.get(name)) for name in layout.scores if name not in shipped}


def identity_of_calibration(calibration: Calibration) -> str:
    """Return what tells one fitted calibration from another: its fingerprint, and the code of another package."""
    fingerprint, code = calibration.fingerprint(), parts_of_code([calibration])
    return digest_of([fingerprint, code]) if code else fingerprint


def _projection(model: ModelFacts, target: Target) -> Any:
    return len(target.dataset.labels), target.dataset.projection(model.labels).groups


def _label_map(model: ModelFacts, target: Target) -> Any:
    return _content_of_map(target.dataset)


def _augmentation(model: ModelFacts, target: Target) -> Any:
    return sorted({repr(s.copy.augmentation) for s in target.domain.samples if s.copy is not None})


_PARTS_OF_DOMAIN: Mapping[str, Callable[[ModelFacts, Target], Any]] = {
    "projection": _projection,
    "label map": _label_map,
    "augmentation": _augmentation,
}


def _corruptions(targets: Iterable[Target]) -> list[Any]:
    """Return what is done to the images of domains of which some are corrupted."""
    every = list(targets)
    if not any(t.domain.corruption for t in every):
        return []
    return [_corruption(t) for t in every]


def _corruption(target: Target) -> Any:
    """Return what is done to the images of a domain: with what, and how far away it takes things to be."""
    corruption, maps = target.domain.corruption, target.dataset.depth
    if corruption is None:
        return None
    depth = [sorted(maps.facts().items())] if maps and corruption.reads_depth else []
    return [sorted(corruption.facts().items()), parts_of_code([corruption.corruption]), *depth]


def _content_of_map(dataset: DataSet) -> list[Any]:
    """Return all that says which class a stored id or color is of."""
    content = dataset.label_map
    values = {f.name: getattr(content, f.name) for f in fields(content) if f.name not in _NAMES}
    return [type(content).__name__, dataset.encoding, sorted(values.items())]


_NAMES = ("palette_of",)
"""Fields of label maps that messages need: names, not content."""

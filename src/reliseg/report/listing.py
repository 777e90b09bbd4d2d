"""What can be named in a configuration, with a line of explanation each."""

import inspect
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from reliseg.calibration import CALIBRATORS, written
from reliseg.data import dataset_names
from reliseg.data.spec import read_spec
from reliseg.labels import label_space, label_space_names
from reliseg.metrics import METRICS
from reliseg.models import MODELS
from reliseg.registry import Registry
from reliseg.scores import SCORES

_REGISTRIES: dict[str, Registry[Any]] = {"scores": SCORES}
_MODELS = {
    "python": "a function of yours that gives a torch module or any callable: FILE.py:FUNCTION",
    "hf": "a Hugging Face hub id or a local folder (SegFormer, UPerNet, ..)",
    "stored": "a folder of logits that any framework saved: SCENE/STEM.npz",
}


def listing_lines(kind: str) -> Iterator[str]:
    """The lines of `reliseg list KIND`."""
    if kind == "models":
        yield from _align({name: _MODELS.get(name, "") for name in MODELS.names()})
    elif kind == "datasets":
        yield from _align({name: _spec(name) for name in dataset_names()})
    elif kind == "labels":
        yield from _align({name: _space(name) for name in label_space_names()})
    elif kind == "metrics":
        for family in METRICS.names():
            quantities = METRICS.get(family)().quantities()
            yield f"{family}: {_first_line(METRICS.get(family))}"
            yield from (f"  {line}" for line in _align({n: q.text for n, q in quantities.items()}))
    elif kind == "calibrations":
        methods = {name: _first_line(CALIBRATORS.get(name)) for name in CALIBRATORS.names()}
        for name, line in zip(methods, _align(methods), strict=True):
            yield line
            yield from (f"  {parameters}" for parameters in _parameters(name))
    else:
        registry = _REGISTRIES[kind]
        yield from _align({name: _first_line(registry.get(name)) for name in registry.names()})


def _align(lines: dict[str, str]) -> Iterator[str]:
    width = max(map(len, lines), default=0)
    for name, text in lines.items():
        yield f"{name:<{width}}  {text}".rstrip()


def _first_line(item: type) -> str:
    return (inspect.getdoc(item) or "").partition("\n")[0]


def _parameters(name: str) -> Iterator[str]:
    """The parameters of a method and what they are by default, as they are written; nothing where it has none."""
    method = CALIBRATORS.get(name)()
    values = {f.name: getattr(method, f.name) for f in fields(method)}
    if seeds := method.usual_seeds():
        values = {k: v for k, v in values.items() if k != "seed"} | {"seeds": list(seeds)}
    if values:
        yield ", ".join(f"{k}={written(v)}" for k, v in values.items())


def _space(name: str) -> str:
    space = label_space(name)
    absent = ", ".join(space.classes[c] for c in sorted(space.absent))
    return f"{len(space)} classes" + (f", absent: {absent}" if absent else "")


def _spec(name: str) -> str:
    spec = read_spec(name, Path())
    return f"labels: {spec.labels}; domains: {', '.join(spec.domains)}; images: {spec.image[0].text}"

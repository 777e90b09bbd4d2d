"""The names that a configuration may use, with a line of explanation each."""

import inspect
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from reliseg.calibration import CALIBRATORS, format_value
from reliseg.corruptions import CORRUPTIONS, GROUPS
from reliseg.data import dataset_names
from reliseg.data.spec import read_spec
from reliseg.errors import MissingExtraError, error_text
from reliseg.labels import label_space, label_space_names
from reliseg.metrics import METRICS
from reliseg.models import MODELS
from reliseg.registry import Registry
from reliseg.scores import SCORES


def listing_lines(kind: str) -> Iterator[str]:
    """Yield the lines of `reliseg list KIND`; a plug-in that cannot be used has its fault in its line."""
    if kind == "models":
        kinds = {name: _describe(MODELS, name) for name in MODELS.names()}
        for name, line in zip(kinds, _align(kinds), strict=True):
            yield line
            yield from (f"  {state}" for state in _states(name))
    elif kind == "datasets":
        yield from _align({name: _spec(name) for name in dataset_names()})
    elif kind == "labels":
        yield from _align({name: _space(name) for name in label_space_names()})
    elif kind == "metrics":
        for family in METRICS.names():
            yield f"{family}: {_describe(METRICS, family)}"
            yield from (f"  {line}" for line in _quantities(family))
    elif kind == "calibrations":
        methods = {name: _describe(CALIBRATORS, name) for name in CALIBRATORS.names()}
        for name, line in zip(methods, _align(methods), strict=True):
            yield line
            yield from (f"  {parameters}" for parameters in _parameters(name))
    elif kind == "corruptions":
        for group in GROUPS[1:]:
            yield f"{group}:"
            yield from (f"  {line}" for line in _align(_corruptions(group)))
    else:
        yield from _align({name: _describe(SCORES, name) for name in SCORES.names()})


def _align(lines: dict[str, str]) -> Iterator[str]:
    width = max(map(len, lines), default=0)
    for name, text in lines.items():
        yield f"{name:<{width}}  {text}".rstrip()


def _describe(registry: Registry[Any], name: str) -> str:
    """Return the first line of an implementation's docstring, or what is wrong with it."""
    fault = registry.faults.get(name)
    return fault or (inspect.getdoc(registry.get(name)) or "").partition("\n")[0]


def _states(name: str) -> Iterator[str]:
    """Yield whether a kind of model can run here, or what it needs; nothing of a plug-in that cannot be used at all."""
    if name in MODELS.faults:
        return
    try:
        obstacle = MODELS.get(name).obstacle()
    except (Exception, SystemExit) as error:  # of a plug-in
        obstacle = error_text(error)
    yield f"cannot run here: {obstacle}" if obstacle else "can run here"


def _corruptions(family: str) -> dict[str, str]:
    """Return the kinds of a family; the last one has those whose family cannot be told."""
    texts = {name: _describe(CORRUPTIONS, name) for name in CORRUPTIONS.names()}
    broken = CORRUPTIONS.faults
    families = {n: GROUPS[-1] if n in broken else CORRUPTIONS.get(n).family for n in texts}
    return {name: text for name, text in texts.items() if families[name] == family}


def _quantities(family: str) -> Iterator[str]:
    """Yield a line for each number of a metric family."""
    if family not in METRICS.faults:
        yield from _align({n: q.text for n, q in METRICS.get(family)().quantities().items()})


def _parameters(name: str) -> Iterator[str]:
    """Yield the parameters of a method and their defaults, as they are written, or the package that it lacks."""
    if name in CALIBRATORS.faults:
        return
    try:
        method = CALIBRATORS.get(name)()
    except MissingExtraError as error:
        yield str(error)
        return
    values = {f.name: getattr(method, f.name) for f in fields(method)}
    if seeds := method.usual_seeds():
        values = {k: v for k, v in values.items() if k != "seed"} | {"seeds": list(seeds)}
    if values:
        yield ", ".join(f"{k}={format_value(v)}" for k, v in values.items())


def _space(name: str) -> str:
    space = label_space(name)
    absent = ", ".join(space.classes[c] for c in sorted(space.absent))
    return f"{len(space)} classes" + (f", absent: {absent}" if absent else "")


def _spec(name: str) -> str:
    spec = read_spec(name, Path())
    return f"labels: {spec.labels}; domains: {', '.join(spec.domains)}; images: {spec.image[0].text}"

"""The text `NAME(KEY=VALUE, ...)` that names a calibration method, and the seeds it stands for."""

import json
import re
from dataclasses import fields
from typing import Any

from reliseg.calibration.base import CALIBRATORS, Calibrator
from reliseg.calibration.parameters import is_natural
from reliseg.errors import ConfigError, suggestion

_COMMA = r",(?![^\[]*\])"
"""One that does not stand in a list."""


def calibrator(text: str) -> Calibrator:
    """The method that is written `NAME` or `NAME(KEY=VALUE, ...)`; a ConfigError that suggests near names."""
    name, values = _parsed(text)
    if "seeds" in values and len(each_seed(text)) > 1:
        raise ConfigError(f"{text.strip()}: several seeds are several calibrations; give one")
    return _one(text, name, _with_one_seed(text, name, values))


def canonical(text: str) -> str:
    """One way to write each method: without spaces, without parameters that are as by default."""
    name, values = _parsed(text)
    seeds = _seeds(text, name, values)
    return _canonical(name, _one(text, name, _with_one_seed(text, name, values)), seeds)


def each_seed(text: str) -> tuple[str, ...]:
    """The canonical text of each calibration that a method stands for: one for each of its seeds, or itself."""
    name, values = _parsed(text)
    seeds = _seeds(text, name, values)
    if len(seeds) < 2:
        return (canonical(text),)
    rest = {k: v for k, v in values.items() if k != "seeds"}
    return tuple(_canonical(name, _one(text, name, rest | {"seed": seed})) for seed in seeds)


def _one(text: str, name: str, values: dict[str, Any]) -> Calibrator:
    kind = CALIBRATORS.get(name)
    known = [f.name for f in fields(kind)]
    for key in values:
        if key not in known:
            raise ConfigError(f"{text.strip()}: {name} has no parameter {key!r}; {suggestion(key, known)}")
    return kind(**values)


def _seeds(text: str, name: str, values: dict[str, Any]) -> tuple[int, ...]:
    """The seeds that a text names or means, if they are several."""
    rest = _with_one_seed(text, name, values)
    if "seeds" not in values:
        method = _one(text, name, rest)
        return () if "seed" in values else method.usual_seeds()
    for seed in values["seeds"]:
        _one(text, name, rest | {"seed": seed})  # refused as one seed is
    return tuple(sorted(values["seeds"])) if len(values["seeds"]) > 1 else ()


def _with_one_seed(text: str, name: str, values: dict[str, Any]) -> dict[str, Any]:
    """The parameters with `seed` in the place of `seeds`: the first of them."""
    if "seeds" not in values:
        return values
    if "seed" not in {f.name for f in fields(CALIBRATORS.get(name))}:
        raise ConfigError(f"{text.strip()}: {name} has no seeds, as no luck is in it; leave them out")
    seeds = values["seeds"]
    distinct = isinstance(seeds, list) and seeds and all(is_natural(s) for s in seeds) and len(set(seeds)) == len(seeds)
    if not distinct:
        raise ConfigError(f"{text.strip()}: seeds is {json.dumps(seeds)}; give distinct numbers from 0, e.g. [42,43]")
    if "seed" in values:
        raise ConfigError(f"{text.strip()}: seed and seeds are both given; give one of them")
    return {k: v for k, v in values.items() if k != "seeds"} | {"seed": min(seeds)}


def _canonical(name: str, method: Calibrator, seeds: tuple[int, ...] = ()) -> str:
    """The text of a method of one seed, or of several."""
    changed = []
    for f in fields(method):
        value = getattr(method, f.name)
        if f.name == "seed" and seeds:
            if seeds != method.usual_seeds():
                changed.append(f"seeds={json.dumps(seeds, separators=(',', ':'))}")
        elif value != f.default or (f.name == "seed" and method.usual_seeds()):
            changed.append(f"{f.name}={written(value)}")
    return name + (f"({','.join(changed)})" if changed else "")


def _parsed(text: str) -> tuple[str, dict[str, Any]]:
    """Name and parameters; values are numbers, true, false, words, or lists of these."""
    match = re.fullmatch(r"\s*([\w-]+)\s*(?:\((.*)\))?\s*", text)
    if match is None:
        raise ConfigError(f"{text!r} is not NAME or NAME(KEY=VALUE, ...)")
    values: dict[str, Any] = {}
    inside = (match[2] or "").strip()
    for pair in re.split(_COMMA, inside) if inside else []:
        key, separator, value = (part.strip() for part in pair.partition("="))
        key = key.replace("-", "_")
        if not separator or not value:
            raise ConfigError(f"{text!r}: {pair.strip()!r} is not KEY=VALUE")
        if key in values:
            raise ConfigError(f"{text!r}: {key} is given twice")
        values[key] = _read(value)
    return match[1].replace("-", "_"), values


def _read(value: str) -> Any:
    try:
        return json.loads(value.lower())
    except ValueError:
        return value


def written(value: Any) -> str:
    """What `_read` reads as the value: words without quotes, 500.0 as 500."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) and _read(value) == value else json.dumps(value)

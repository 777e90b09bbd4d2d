"""The text `NAME(KEY=VALUE, ...)` that names a calibration method, and the seeds it stands for."""

import json
import re
from dataclasses import fields
from typing import Any

from reliseg.calibration.base import CALIBRATORS, Calibrator
from reliseg.calibration.parameters import is_natural
from reliseg.errors import ConfigError, suggestion

_COMMA = r",(?![^\[]*\])"
"""A comma that does not stand in a list."""


def calibrator(text: str) -> Calibrator:
    """Return the method of a text `NAME` or `NAME(KEY=VALUE, ...)`; a ConfigError suggests near names."""
    name, values = _parse(text)
    if "seeds" in values and len(texts_of_seeds(text)) > 1:
        raise ConfigError(f"{text.strip()}: several seeds give several calibrations; give one seed")
    return _build(text, name, _use_first_seed(text, name, values))


def canonical_text(text: str) -> str:
    """Return the one text of a method that all its texts become: without spaces and default values."""
    name, values = _parse(text)
    seeds = _named_seeds(text, name, values)
    return _format_method(name, _build(text, name, _use_first_seed(text, name, values)), seeds)


def texts_of_seeds(text: str) -> tuple[str, ...]:
    """Return the canonical text of each calibration that a method stands for: one for each of its seeds, or itself."""
    name, values = _parse(text)
    seeds = _named_seeds(text, name, values)
    if len(seeds) < 2:
        return (canonical_text(text),)
    rest = {k: v for k, v in values.items() if k != "seeds"}
    return tuple(_format_method(name, _build(text, name, rest | {"seed": seed})) for seed in seeds)


def _build(text: str, name: str, values: dict[str, Any]) -> Calibrator:
    kind = CALIBRATORS.get(name)
    known = [f.name for f in fields(kind)]
    for key in values:
        if key not in known:
            raise ConfigError(f"{text.strip()}: {name} has no parameter {key!r}; {suggestion(key, known)}")
    return kind(**values)


def _named_seeds(text: str, name: str, values: dict[str, Any]) -> tuple[int, ...]:
    """Return the seeds that a text names or means, if they are several."""
    rest = _use_first_seed(text, name, values)
    if "seeds" not in values:
        method = _build(text, name, rest)
        return () if "seed" in values else method.usual_seeds()
    for seed in values["seeds"]:
        _build(text, name, rest | {"seed": seed})  # refused as one seed is
    return tuple(sorted(values["seeds"])) if len(values["seeds"]) > 1 else ()


def _use_first_seed(text: str, name: str, values: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters with `seed`, the least of `seeds`, in the place of these."""
    if "seeds" not in values:
        return values
    if "seed" not in {f.name for f in fields(CALIBRATORS.get(name))}:
        raise ConfigError(f"{text.strip()}: {name} has no seeds, because its fit is not random; leave them out")
    seeds = values["seeds"]
    distinct = isinstance(seeds, list) and seeds and all(is_natural(s) for s in seeds) and len(set(seeds)) == len(seeds)
    if not distinct:
        raise ConfigError(f"{text.strip()}: seeds is {json.dumps(seeds)}; give distinct numbers from 0, e.g. [42,43]")
    if "seed" in values:
        raise ConfigError(f"{text.strip()}: seed and seeds are both given; give one of them")
    return {k: v for k, v in values.items() if k != "seeds"} | {"seed": min(seeds)}


def _format_method(name: str, method: Calibrator, seeds: tuple[int, ...] = ()) -> str:
    """Return the text of a method of one seed, or of several."""
    changed = []
    for f in fields(method):
        value = getattr(method, f.name)
        if f.name == "seed" and seeds:
            if seeds != method.usual_seeds():
                changed.append(f"seeds={json.dumps(seeds, separators=(',', ':'))}")
        elif value != f.default or (f.name == "seed" and method.usual_seeds()):
            changed.append(f"{f.name}={format_value(value)}")
    return name + (f"({','.join(changed)})" if changed else "")


def _parse(text: str) -> tuple[str, dict[str, Any]]:
    """Return name and parameters; values are numbers, true, false, words, or lists of these."""
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
        values[key] = _parse_value(value)
    return match[1].replace("-", "_"), values


def _parse_value(value: str) -> Any:
    try:
        return json.loads(value.lower())
    except ValueError:
        return value


def format_value(value: Any) -> str:
    """Return the text that `_parse_value` reads as this value: words without quotes, 500.0 as 500."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) and _parse_value(value) == value else json.dumps(value)

"""The short form of models and data sets, `KIND:WHERE,KEY=VALUE` and `SPEC=ROOT,KEY=VALUE`, as a file's sections."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reliseg.config.yaml_files import parse_value
from reliseg.errors import ConfigError
from reliseg.runtime.text_files import quoted


def model_section(text: str) -> dict[str, Any]:
    """Return the section of a model that is written `KIND:WHERE[,KEY=VALUE...]`."""
    kind, separator, rest = text.partition(":")
    where, *pairs = split_list(rest) or [""]
    if not separator or not where:
        raise ConfigError(f"--model {text!r}: write KIND:WHERE[,KEY=VALUE...], e.g. hf:my/segformer")
    given = _entries("--model", pairs)
    _check_once("--model", given, {"kind": kind, "where": where})
    if "align_corners" in given:
        _check_once("--model", given, {"upsampling": "align_corners"})
        given["upsampling"] = {"align_corners": given.pop("align_corners")}
    return {"name": Path(where.partition(":")[0]).stem, "kind": kind, "where": where} | given


def dataset_section(text: str) -> dict[str, Any]:
    """Return the section of a data set that is written `SPEC=ROOT[,domain=NAME...][,KEY=VALUE...]`."""
    spec, separator, rest = text.partition("=")
    root, *pairs = split_list(rest) or [""]
    if not separator or not root:
        raise ConfigError(f"--data {text!r}: write SPEC=ROOT[,domain=NAME...], e.g. camvid=data/camvid")
    domains = [p.partition("=")[2] for p in pairs if p.startswith("domain=")]
    given = _entries("--data", [p for p in pairs if not p.startswith("domain=")])
    _check_once("--data", given, {"spec": spec, "root": root} | ({"domains": "domain"} if domains else {}))
    section = {"name": Path(spec).stem, "spec": spec, "root": root} | given
    return section | ({"domains": dict.fromkeys(domains)} if domains else {})


def split_list(text: str) -> list[str]:
    """Return the parts between commas that stand in no bracket."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def _check_once(option: str, given: Mapping[str, Any], stands_for: Mapping[str, str]) -> None:
    """Raise a ConfigError where a key says again what the option says without it."""
    for key, other in stands_for.items():
        if key in given:
            raise ConfigError(f"{option}: {key} says again what {quoted(other)} says; give one of them")


def _entries(option: str, pairs: list[str]) -> dict[str, Any]:
    """Return the entries KEY=VALUE; values are read as in a file, so that `true` and `3` are what they look like."""
    values: dict[str, Any] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator or not key.isidentifier():
            raise ConfigError(f"{option}: {quoted(pair)} is not KEY=VALUE")
        if key in values:
            raise ConfigError(f"{option}: {quoted(key)} is given twice; give it once")
        values[key] = parse_value(value, where=f"{option}: {key}")
    return values

"""The short form of models and data sets, `KIND:WHERE,KEY=VALUE` and `SPEC=ROOT,KEY=VALUE`, as a file's sections."""

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
    section = {"name": Path(where.partition(":")[0]).stem, "kind": kind, "where": where} | _entries("--model", pairs)
    if "align_corners" in section:
        section["upsampling"] = {"align_corners": section.pop("align_corners")}
    return section


def dataset_section(text: str) -> dict[str, Any]:
    """Return the section of a data set that is written `SPEC=ROOT[,domain=NAME...][,KEY=VALUE...]`."""
    spec, separator, rest = text.partition("=")
    root, *pairs = split_list(rest) or [""]
    if not separator or not root:
        raise ConfigError(f"--data {text!r}: write SPEC=ROOT[,domain=NAME...], e.g. camvid=data/camvid")
    domains = [p.partition("=")[2] for p in pairs if p.startswith("domain=")]
    section = {"name": Path(spec).stem, "spec": spec, "root": root}
    section |= _entries("--data", [p for p in pairs if not p.startswith("domain=")])
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

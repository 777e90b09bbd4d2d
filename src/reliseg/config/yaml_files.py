"""YAML, read as version 1.2 means it: the one reader and the one writer of configurations and of their parts."""

import re
from pathlib import Path
from typing import Any

import yaml

from reliseg.errors import ConfigError


class _Loader(yaml.SafeLoader):
    """A reader of YAML 1.2's words and numbers that refuses a key that stands twice.

    In YAML 1.1 `on` is true, `0016` is 14 and `2026-01-02` is a date: none of these is what a configuration means.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping; a key that stands twice is an error, as the first value would be lost."""
        keys = [key.value for key, _ in node.value]
        for key, _ in node.value:
            if keys.count(key.value) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key.value!r} is given twice", key.start_mark)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Return a decimal number: `0016` is 16, and not an octal number."""
        return int(self.construct_scalar(node))


class _Dumper(yaml.SafeDumper):
    """A writer that quotes each string that YAML 1.1 or 1.2 would read as something else."""


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan", list("-+.0123456789")),
):
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), _first)


def parse_yaml(text: str) -> Any:
    """Return what a YAML text says; a yaml.YAMLError where it is not valid."""
    return yaml.load(text, _Loader)  # a SafeLoader


def parse_value(text: str, *, where: str) -> Any:
    """Return the value of an option on the command line; a ConfigError that begins with `where`."""
    try:
        return parse_yaml(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: {text!r} is not valid YAML: {_reason(error)}") from error


def render_yaml(content: Any) -> str:
    """Return the YAML text of plain values, which `parse_yaml` reads back as they are."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def read_yaml(path: Path) -> dict[str, Any]:
    """Return what a configuration file says, not checked yet; a ConfigError where it says nothing."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({_reason(error)}); give the path of a YAML file") from error
    try:
        content = parse_yaml(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {_reason(error)}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: not a configuration; it needs at least models: and datasets:")
    return content


def _reason(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return " ".join(str(error).split())

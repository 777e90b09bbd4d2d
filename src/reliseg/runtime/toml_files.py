"""TOML: the one reader of specs and label spaces, and of projections that ship."""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from reliseg.errors import ConfigError
from reliseg.runtime.regular_files import reason_of
from reliseg.runtime.text_files import UnreadableTextError, line_of, read_text

SIZE_LIMIT = 1_000_000
"""Bytes: a spec that lists 20,000 samples one by one."""
_DEPTH_LIMIT = 40
_BITS = 64
_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_LONG_NUMBER = re.compile(r"\b[0-9][0-9a-zA-Z_]{15,}\b")


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """Return the table that a TOML file holds; a ConfigError of one line, `WHAT PATH: line N: ..`, where it is none."""
    try:
        return parse_toml(read_text(path, SIZE_LIMIT))
    except OSError as error:
        raise ConfigError(
            f"{what} {path}: cannot be read ({reason_of(error)}); give the path of a TOML file"
        ) from error
    except UnreadableTextError as error:
        raise ConfigError(f"{what} {path}: {error}") from error


def parse_toml(text: str) -> dict[str, Any]:
    """Return the table that a text says; an UnreadableTextError with the line where it is not valid."""
    deep = f"nested more than {_DEPTH_LIMIT} deep; write it flat"
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem = str(error)
        place = _PLACE.search(problem)
        line = place[1] if place and place[1] else text.rstrip().count("\n") + 1
        raise UnreadableTextError(f"line {line}: not valid TOML: {_PLACE.sub('', problem)}") from error
    except RecursionError as error:
        raise UnreadableTextError(f"line {_deepest_line(text)}: {deep}") from error
    except ValueError as error:  # of more digits than Python reads, or a day that no calendar has
        raise UnreadableTextError(f"{_number_place(text)}: {_first_clause(error)}") from error
    level: list[Any] = [table]
    for _ in range(_DEPTH_LIMIT):
        if any(isinstance(v, int) and v.bit_length() >= _BITS for v in level):
            raise UnreadableTextError(f"{_number_place(text)}: a number of more than {_BITS} bits; correct it")
        level = [item for value in level for item in _items(value)]
    if level:
        raise UnreadableTextError(f"line {_deepest_line(text)}: {deep}")
    return table


def _items(value: object) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _deepest_line(text: str) -> int:
    """Return the line where brackets, or the parts of a dotted key, are nested too deeply."""
    depth = 0
    for number, line in enumerate(text.splitlines(), start=1):
        for letter in line:
            depth += (letter in "[{") - (letter in "]}")
            if depth > _DEPTH_LIMIT:
                return number
        if line.count(".") >= _DEPTH_LIMIT:
            return number
    return 1


def _number_place(text: str) -> str:
    found = max(_LONG_NUMBER.finditer(text), key=lambda m: len(m[0]), default=None)
    return f"line {line_of(text, found.start()) if found else 1}"


def _first_clause(error: ValueError) -> str:
    """Return what Python says of a value, without its advice to programmers."""
    return f"not a value: {str(error).partition(';')[0].partition(' for ')[0].lower()}; correct it"

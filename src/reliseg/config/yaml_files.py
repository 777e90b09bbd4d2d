"""YAML: the one reader and the one writer of configurations and of their parts.

The reader gives text: a `Plain` for a scalar without quotes, a `str` for one with them. What a text means is decided
where it is used (`scalars.py`).
"""

import math
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from reliseg.config.scalars import Plain
from reliseg.errors import ConfigError
from reliseg.runtime.regular_files import reason_of
from reliseg.runtime.text_files import UnreadableTextError, check_characters, quoted, read_text

SIZE_LIMIT = 8_000_000
"""Bytes of a file."""
_NODES = 250_000
"""Values of a file, each as often as an alias repeats it."""
_DEPTH = 50
_KEY_LENGTH = 1000
"""Letters: no more can stand before the colon of a key on one line."""
_TEXT_TAGS, _OTHER_TAGS = ("!", "tag:yaml.org,2002:str"), ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser in C where it was built: it takes a tenth of the time. Only its events are used."""
_BARE = re.compile(r"[A-Za-z_/](?:[\w./@+=()~-]|[,:](?=[\w/])| (?=[\w(]))*", re.ASCII)
"""Strings that need no quotes, apart from words that one of YAML's versions reads as something else."""
_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


def parse_yaml(text: str) -> Any:
    """Return what a YAML text says, all scalars as text; an UnreadableTextError with the line where it is not valid."""
    check_characters(text)
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_Loader):
            builder.take(event)
    except yaml.YAMLError as error:
        raise UnreadableTextError(_problem(error, text)) from error
    except (ValueError, IndexError, OverflowError, RecursionError) as error:
        if isinstance(error, UnreadableTextError):
            raise
        # PyYAML's own parser, which is used where the one in C was not built, meets some texts with these.
        raise UnreadableTextError(f"line {builder.line}: a text in quotes, or an escape, that is not whole") from error
    return builder.result


def parse_value(text: str, *, where: str) -> Any:
    """Return the value of an option on the command line; a ConfigError that begins with `where`.

    A value without brackets and quotes is the whole text: nothing in it is a comment.
    """
    try:
        value = parse_yaml(text)
    except UnreadableTextError as error:
        raise ConfigError(f"{where}: {quoted(text)} is not valid YAML: {error}") from error
    return Plain(text.strip()) if isinstance(value, Plain) else value


def read_yaml(path: Path) -> dict[str, Any]:
    """Return what a configuration file says, not checked yet; a ConfigError where it says nothing."""
    try:
        text = read_text(path, SIZE_LIMIT)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({reason_of(error)}); give the path of a YAML file") from error
    except UnreadableTextError as error:
        raise ConfigError(f"{path}: {error}") from error
    try:
        content = parse_yaml(text)
    except UnreadableTextError as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: not a configuration; it needs at least models: and datasets:")
    return content


def render_yaml(content: Any) -> str:
    """Return the YAML text of plain values, which says the same in versions 1.1 and 1.2."""
    return "\n".join(_lines(content, "")) + "\n"


@dataclass
class _Open:
    """A list or mapping whose end has not come yet."""

    value: Any
    anchor: str | None
    before: int
    """The number of values when it began."""
    height: int = 1
    """The levels of lists and mappings in it, with itself."""
    key: str | None = None
    lines: dict[str, int] = field(default_factory=dict)
    """Where the keys of a mapping stand."""


class _Builder:
    """Builds plain values from the events of a parser, one after the other and without recursion."""

    def __init__(self) -> None:
        self.result: Any = Plain("")
        self.line = 1
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int, int]] = {}
        """By name: the value, how many values it holds with itself, and its height."""
        self._count = 0
        self._documents = 0

    def take(self, event: Any) -> None:
        """Add what an event says; an UnreadableTextError where no configuration says that."""
        self.line = event.start_mark.line + 1 if event.start_mark else self.line
        if isinstance(event, yaml.ScalarEvent):
            self._check_tag(event.tag, _TEXT_TAGS)
            is_plain = not event.style and event.tag is None
            scalar = Plain(event.value) if is_plain else event.value
            self._add(scalar)
            if event.anchor:
                self._anchors[event.anchor] = (scalar, 1, 0)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._check_tag(event.tag, _OTHER_TAGS)
            value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
            opened = _Open(value, event.anchor, self._count)
            self._add(value)
            self._open.append(opened)
            self._grow(1)
        elif isinstance(event, yaml.CollectionEndEvent):
            ended = self._open.pop()
            if ended.anchor:
                self._anchors[ended.anchor] = (ended.value, self._count - ended.before, ended.height)
        elif isinstance(event, yaml.AliasEvent):
            self._repeat(event.anchor)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise self._error("a second document begins; give one, without --- in between")

    def _repeat(self, name: str | None) -> None:
        if any(opened.anchor == name for opened in self._open):
            raise self._error(f"&{name} contains itself; write its values out")
        if name not in self._anchors:
            raise self._error(f"*{name} has no &{name} before it; correct the name")
        value, size, height = self._anchors[str(name)]
        self._count += size - 1
        self._add(value)
        self._grow(height + 1)

    def _grow(self, height: int) -> None:
        """Note that the innermost open list or mapping has at least this height, and all around it more."""
        for i, opened in enumerate(reversed(self._open)):
            opened.height = max(opened.height, height + i)
        if self._open and self._open[0].height > _DEPTH:
            raise self._error(f"lists and keys nested more than {_DEPTH} deep; write them flat")

    def _add(self, value: Any) -> None:
        self._count += 1
        if self._count > _NODES:
            raise self._error(f"more than {_NODES} values, with those that aliases repeat; write fewer")
        if not self._open:
            self.result = value
            return
        parent = self._open[-1]
        if isinstance(parent.value, list):
            parent.value.append(value)
        elif parent.key is None:
            parent.key = self._key(parent, value)
        else:
            parent.value[parent.key] = value
            parent.key = None

    def _key(self, parent: _Open, value: Any) -> str:
        if not isinstance(value, str):
            raise self._error("a list or mapping stands in the place of a key; a key is a word")
        if len(value) > _KEY_LENGTH:
            raise self._error(f"a key of more than {_KEY_LENGTH} letters; shorten it")
        if isinstance(value, Plain) and value == "<<":
            raise self._error("merge keys (<<) are no part of YAML 1.2; write the keys out")
        before = parent.lines.setdefault(value, self.line)
        if value in parent.value:
            raise self._error(f"key {quoted(str(value))} is given twice, first in line {before}; remove one")
        return value

    def _check_tag(self, tag: str | None, known: Collection[str]) -> None:
        if tag is not None and tag not in known:
            text = quoted(tag.replace("tag:yaml.org,2002:", "!!"))
            raise self._error(f"the tag {text} has no meaning here; write the value without it")

    def _error(self, problem: str) -> UnreadableTextError:
        return UnreadableTextError(f"line {self.line}: {problem}")


def _problem(error: yaml.YAMLError, text: str) -> str:
    """Return the line and the problem that the parser names."""
    if isinstance(error, yaml.MarkedYAMLError) and (mark := error.problem_mark or error.context_mark):
        lines = text.splitlines() or [""]
        number = min(mark.line, len(lines) - 1)  # the end of the text is past its last line
        hint = "; a tab stands there: indent with spaces" if "\t" in lines[number] else ""
        problem = " ".join((error.problem or error.context or "it breaks off").split())
        return f"line {number + 1}: {problem}{hint}"
    return f"line 1: {' '.join(str(error).split())}"


def _lines(value: Any, indent: str) -> Iterator[str]:
    """Yield the lines of a list or mapping that is not empty, or of a scalar."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            inside = indent if isinstance(item, list) else f"{indent}  "
            text = _scalar(key)
            if len(text) > _KEY_LENGTH:
                raise ConfigError(f"the key {quoted(key)} has more than {_KEY_LENGTH} letters; shorten it")
            yield from _entry(f"{indent}{text}:", item, inside)
    elif isinstance(value, list | tuple) and value:
        for item in value:
            if isinstance(item, dict | list | tuple) and item:
                first, *others = _lines(item, f"{indent}  ")
                yield f"{indent}- {first[len(indent) + 2 :]}"
                yield from others
            else:
                yield f"{indent}- {_scalar(item)}"
    else:
        yield f"{indent}{_scalar(value)}"


def _entry(start: str, item: Any, indent: str) -> Iterator[str]:
    if isinstance(item, dict | list | tuple) and item:
        yield start
        yield from _lines(item, indent)
    else:
        yield f"{start} {_scalar(item)}"


def _scalar(value: Any) -> str:
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, list | tuple):
        return "[]"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, float):
        return _float(value)
    return _quoted(value) if isinstance(value, str) else str(value)


def _float(value: float) -> str:
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else f"{'-' if value < 0 else ''}.inf"
    text = repr(value)
    return text.replace("e", ".0e") if "e" in text and "." not in text else text  # as version 1.1 wants it


def _quoted(text: str) -> str:
    """Return a string bare, in single quotes, or, where it holds what these cannot, in double ones."""
    if _BARE.fullmatch(text) and text.lower() not in _WORDS:
        return text
    if text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(letter: str) -> str:
    if letter in '"\\':
        return f"\\{letter}"
    if letter.isprintable():
        return letter
    code = ord(letter)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"

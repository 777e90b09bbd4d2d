"""Path templates, `{field}` names in a path, and the walk over a tree that finds the files that match."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reliseg.errors import ConfigError, DataError

_BRACES = re.compile(r"\{([^{}]*)\}")
_ANYTHING = "[^/]+?"


@dataclass(frozen=True)
class Template:
    """A path below a root. Each segment is a literal name (str) or a pattern with one group per field."""

    text: str
    fields: tuple[str, ...]
    segments: tuple[str | re.Pattern[str], ...]

    @classmethod
    def of(cls, text: str, patterns: Mapping[str, str]) -> "Template":
        """Parse `text`; `patterns` holds the regular expressions of fields that are not just any name."""
        parts = text.split("/")
        if not all(parts) or ".." in parts or "\\" in text:
            raise ConfigError(f"template {text!r}: give a path relative to the root, with single / and without ..")
        fields = tuple(dict.fromkeys(_BRACES.findall(text)))
        if "stem" not in fields:
            raise ConfigError(f"template {text!r}: it needs {{stem}}, the part that names one image")
        if wrong := [f for f in fields if not f.isidentifier()]:
            raise ConfigError(f"template {text!r}: {{{wrong[0]}}} is not a field name; use letters, digits and _")
        return cls(text, fields, tuple(_parse_segment(text, part, patterns) for part in parts))


@dataclass(frozen=True, slots=True)
class PathMatch:
    """A file that matches a template: its path below the root, and the values of the fields."""

    path: str
    fields: dict[str, str]


@dataclass(frozen=True)
class Tree:
    """A folder of files. Folders are listed at most once; names that start with a dot are left out."""

    root: Path
    _listings: dict[str, tuple[list[str], list[str]]] = field(default_factory=dict, repr=False)

    def find(self, templates: Sequence[Template], allowed: Mapping[str, frozenset[str]]) -> list[PathMatch]:
        """Return the files that match a template, with each field in `allowed` having one of the values there.

        A file belongs to the first template that it matches.
        """
        seen: set[str] = set()
        matches = []
        for template in templates:
            for item in self._walk("", template.segments, {}, allowed):
                if item.path not in seen:
                    seen.add(item.path)
                    matches.append(item)
        return matches

    def folders(self) -> list[str]:
        """Return the names of the folders directly below the root."""
        return self._list("")[0]

    def _walk(
        self,
        folder: str,
        segments: tuple[str | re.Pattern[str], ...],
        bound: dict[str, str],
        allowed: Mapping[str, frozenset[str]],
    ) -> Iterator[PathMatch]:
        head, rest = segments[0], segments[1:]
        if isinstance(head, str) and rest:
            yield from self._walk(f"{folder}{head}/", rest, bound, allowed)
            return
        folders, files = self._list(folder)
        for name in folders if rest else files:
            values = _match_segment(head, name, bound, allowed)
            if values is None:
                continue
            if rest:
                yield from self._walk(f"{folder}{name}/", rest, values, allowed)
            else:
                yield PathMatch(folder + name, values)

    def _list(self, folder: str) -> tuple[list[str], list[str]]:
        """Return the names of the folders and of the files in `folder`, sorted; none if it does not exist."""
        listing = self._listings.get(folder)
        if listing is None:
            listing = ([], [])
            try:
                with os.scandir(self.root / folder) as entries:
                    for entry in entries:
                        if not entry.name.startswith("."):
                            listing[0 if entry.is_dir() else 1].append(entry.name)
            except (FileNotFoundError, NotADirectoryError):
                pass
            except OSError as error:
                raise DataError(f"{self.root / folder}: cannot be listed ({error.strerror})") from error
            listing[0].sort()
            listing[1].sort()
            self._listings[folder] = listing
        return listing


def _parse_segment(text: str, part: str, patterns: Mapping[str, str]) -> str | re.Pattern[str]:
    pieces = _BRACES.split(part)  # literal, field, literal, field, ..
    if any("{" in piece or "}" in piece for piece in pieces[::2]):
        raise ConfigError(f"template {text!r}: a brace has no partner")
    if len(pieces) == 1:
        return part
    pattern, seen = "", set()
    for i, piece in enumerate(pieces):
        if i % 2 == 0:
            pattern += re.escape(piece)
        elif piece in seen:
            pattern += f"(?P={piece})"
        else:
            pattern += f"(?P<{piece}>{patterns.get(piece, _ANYTHING)})"
            seen.add(piece)
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"template {text!r}: the pattern of a field is not a regular expression: {error}") from error


def _match_segment(
    head: str | re.Pattern[str], name: str, bound: dict[str, str], allowed: Mapping[str, frozenset[str]]
) -> dict[str, str] | None:
    """Return the fields known after `name`, or None if it does not match."""
    if isinstance(head, str):
        return bound if name == head else None
    match = head.fullmatch(name)
    if match is None:
        return None
    values = dict(bound)
    for key in head.groupindex:
        value = match[key] or ""
        if values.setdefault(key, value) != value or (key in allowed and value not in allowed[key]):
            return None
    return values

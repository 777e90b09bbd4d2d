"""Path templates, `{field}` names in a path, and the walk over a tree that finds the files that match.

Names are compared in their normal form: it makes no difference whether a system stores `é` as one character or two.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from reliseg.errors import ConfigError, DataError
from reliseg.remote import RemoteFolder, Root
from reliseg.runtime.file_names import normal_name
from reliseg.runtime.regular_files import reason_of

_BRACES = re.compile(r"\{([^{}]*)\}")
_ANYTHING = "[^/]+?"
_FLAGS = re.compile(r"\(\?([aimsu]+)\)(.*)", re.DOTALL)
"""A regular expression that begins with flags, which hold for all of it."""
_MADE_BY_SYSTEMS = frozenset({"__MACOSX", "@eaDir", "lost+found", "$RECYCLE.BIN", "System Volume Information"})
"""Folders of copies, thumbnails and rests that file managers and archives make."""

Segment: TypeAlias = str | re.Pattern[str]
"""One name of a template's path: a literal, or a pattern with one group per field."""


def fields_in(text: str) -> list[str]:
    """Return the names that stand in braces, in their order."""
    return _BRACES.findall(text)


def fill_fields(text: str, values: Mapping[str, str]) -> str:
    """Return the text with values in the place of the names in braces."""
    return _BRACES.sub(lambda match: values[match[1]], text)


def templates_text(templates: Iterable["Template"]) -> str:
    """Return how names are made, for a message: `{split}/{stem}.png or {split}/{stem}.jpg`."""
    return " or ".join(template.text for template in templates)


@dataclass(frozen=True)
class Template:
    """A path below a root."""

    text: str
    fields: tuple[str, ...]
    segments: tuple[Segment, ...]

    @classmethod
    def of(cls, text: str, patterns: Mapping[str, str]) -> "Template":
        """Parse `text`; `patterns` holds the regular expressions of fields that are not just any name."""
        parts = text.split("/")
        if not all(parts) or ".." in parts or "\\" in text:
            raise ConfigError(f"template {text!r}: give a path relative to the root, with single / and without ..")
        fields = tuple(dict.fromkeys(fields_in(text)))
        if "stem" not in fields:
            raise ConfigError(f"template {text!r}: it needs {{stem}}, the part that names one image")
        if wrong := [f for f in fields if not f.isidentifier()]:
            raise ConfigError(f"template {text!r}: {{{wrong[0]}}} is not a field name; use letters, digits and _")
        return cls(text, fields, tuple(_parse_segment(text, normal_name(part), patterns) for part in parts))

    @property
    def base(self) -> int:
        """The number of folders that a path has in common with those meant: all up to the last literal one, or one."""
        literal = [i for i, segment in enumerate(self.segments[:-1], start=1) if isinstance(segment, str)]
        return max(literal, default=min(1, len(self.segments) - 1))

    def match(self, path: str) -> dict[str, str] | None:
        """Return the fields of a path below the root, or None if it does not match."""
        names = path.split("/")
        if len(names) != len(self.segments):
            return None
        values: dict[str, str] = {}
        for segment, name in zip(self.segments, names, strict=True):
            found = match_segment(segment, name, values, {})
            if found is None:
                return None
            values = found
        return values


@dataclass(frozen=True, slots=True)
class PathMatch:
    """A file that matches a template: its path below the root, and the values of the fields."""

    path: str
    fields: dict[str, str]


@dataclass(frozen=True)
class Tree:
    """A folder of files, here or outside this machine. Folders are listed at most once.

    Names that start with a dot are left out, and folders that file managers make (`__MACOSX`).
    """

    root: Root
    _listings: dict[str, tuple[list[str], list[str]]] = field(default_factory=dict, repr=False)
    _links: set[str] = field(default_factory=set, repr=False)
    """The paths of all links that were listed."""

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
        return self.names("")[0]

    @property
    def has_links(self) -> bool:
        """Tell if a listed path is a link, or lies in a folder that is one: if none is, two paths are two files."""
        return bool(self._links)

    def is_link(self, path: str) -> bool:
        """Tell if a path that was listed is a link, or lies in a folder that is one."""
        ends = [*(m.start() for m in re.finditer("/", path)), len(path)] if self._links else ()
        return any(path[:i] in self._links for i in ends)

    def file(self, path: str) -> str:
        """Return the file that a listed path leads to: links to one file have the same one."""
        root = self.root
        if isinstance(root, RemoteFolder) or not self.is_link(path):
            return f"{self._real_root}/{path}"
        return os.path.realpath(root / path)

    @cached_property
    def _real_root(self) -> str:
        return str(self.root) if isinstance(self.root, RemoteFolder) else os.path.realpath(self.root)

    def _walk(
        self,
        folder: str,
        segments: tuple[Segment, ...],
        bound: dict[str, str],
        allowed: Mapping[str, frozenset[str]],
    ) -> Iterator[PathMatch]:
        head, rest = segments[0], segments[1:]
        if isinstance(head, str) and head.isascii() and rest:
            yield from self._walk(f"{folder}{head}/", rest, bound, allowed)
            return
        folders, files = self.names(folder)
        for name in folders if rest else files:
            values = match_segment(head, name, bound, allowed)
            if values is None:
                continue
            if rest:
                yield from self._walk(f"{folder}{name}/", rest, values, allowed)
            else:
                yield PathMatch(folder + name, values)

    def names(self, folder: str) -> tuple[list[str], list[str]]:
        """Return the names of the folders and of the files in `folder`, sorted; none if it does not exist.

        `folder` is empty or ends with a slash.
        """
        listing = self._listings.get(folder)
        if listing is None:
            listing = self._list(folder)
            listing[0].sort()
            listing[1].sort()
            self._listings[folder] = listing
        return listing

    def _list(self, folder: str) -> tuple[list[str], list[str]]:
        root, listing = self.root, (list[str](), list[str]())
        if isinstance(root, RemoteFolder):
            folders, files = root.names(folder)
            return [f for f in folders if _is_meant(f)], [f for f in files if _is_meant(f)]
        try:
            with os.scandir(root / folder) as entries:
                for entry in entries:
                    if not _is_meant(entry.name):
                        continue
                    if entry.is_symlink():
                        self._links.add(folder + entry.name)
                    listing[0 if _is_folder(entry) else 1].append(entry.name)
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            raise DataError(f"{root / folder}: cannot be listed ({reason_of(error)})") from error
        if folder and os.path.realpath(root / folder) != f"{self._real_root}/{folder[:-1]}":
            self._links.add(folder[:-1])
        return listing


def _is_meant(name: str) -> bool:
    return not name.startswith(".") and name not in _MADE_BY_SYSTEMS


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Tell if it leads to a folder; not a link that leads nowhere, in a circle, or to where nobody may look."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _parse_segment(text: str, part: str, patterns: Mapping[str, str]) -> Segment:
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
            pattern += f"(?P<{piece}>{_scoped(normal_name(patterns.get(piece, _ANYTHING)))})"
            seen.add(piece)
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"template {text!r}: the pattern of a field is not a regular expression: {error}") from error


def _scoped(pattern: str) -> str:
    """Return a pattern whose flags hold for itself alone: it becomes a part of another one."""
    flags = _FLAGS.fullmatch(pattern)
    return f"(?{flags[1]}:{flags[2]})" if flags else pattern


def match_segment(
    head: Segment, name: str, bound: dict[str, str], allowed: Mapping[str, frozenset[str]]
) -> dict[str, str] | None:
    """Return the fields known after `name`, or None if it does not match."""
    name = normal_name(name)
    if isinstance(head, str):
        return bound if name == head else None
    match = head.fullmatch(name)
    if match is None:
        return None
    values = dict(bound)
    for key, found in match.groupdict().items():
        value = found or ""
        if values.setdefault(key, value) != value or (key in allowed and value not in allowed[key]):
            return None
    return values

"""The files of a package that a module of it consists of, told by their text: whatever else was imported before."""

import ast
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES
from importlib.util import find_spec
from pathlib import Path

_THIS_PACKAGE = __name__.partition(".")[0]
_BY_NAME = frozenset({"importlib", "pkgutil", "runpy"})
"""What imports modules whose names are computed."""


def package_files(module: str) -> tuple[Path, ...]:
    """Return the file of a module, and those of its top package that it imports, by itself or by others of these.

    Imports within functions count. Where one of these imports by computed names, or all of a package, nobody can tell
    which: then it is every file of the package. In the order of their paths; none where they lie in no folder. Of this
    package it is the module alone: the rest is what measures, and is told by its version.
    """
    walk = _Walk(module.partition(".")[0])
    walk.add(module)
    if walk.top == _THIS_PACKAGE:
        return tuple(path.resolve() for name, path in walk.found.items() if name == module)
    while walk.waiting and not walk.is_all:
        walk.read(walk.waiting.pop())
    found = walk.every() if walk.is_all else walk.found.values()
    return tuple(sorted({path.resolve() for path in found}))


@dataclass
class _Walk:
    """From a module of a package to what it imports there."""

    top: str
    found: dict[str, Path] = field(default_factory=dict)
    """The files of modules."""
    waiting: list[str] = field(default_factory=list)
    is_all: bool = False

    def __post_init__(self) -> None:
        with suppress(ImportError, ValueError):
            spec = find_spec(self.top)
            self.folders = [Path(place) for place in (spec and spec.submodule_search_locations) or ()]
            if spec and spec.origin and not self.folders and Path(spec.origin).is_file():
                self.found[self.top] = Path(spec.origin)  # a module in no package has none of its own to import

    folders: list[Path] = field(default_factory=list)

    def add(self, module: str) -> bool:
        """Note a module and the packages that it lies in; tell if there is such a module."""
        if module.partition(".")[0] != self.top:
            return False
        parts = module.split(".")
        path = self._file(parts)
        is_there = path is not None or any(folder.joinpath(*parts[1:]).is_dir() for folder in self.folders)
        for depth in range(1, len(parts) + 1) if is_there else ():
            name, file = ".".join(parts[:depth]), self._file(parts[:depth])
            if file is not None and name not in self.found:
                self.found[name] = file
                self.waiting.append(name)
        return is_there

    def read(self, module: str) -> None:
        """Note what a module imports."""
        path = self.found[module]
        if path.suffix != ".py":
            return
        try:
            tree = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError):  # nothing that is imported
            return
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self.is_all |= alias.name in _BY_NAME
                    self.add(alias.name)
            elif isinstance(node, ast.ImportFrom):
                self._read_from(node, package)
            elif isinstance(node, ast.Name):
                self.is_all |= node.id == "__import__"

    def every(self) -> Iterator[Path]:
        """Yield all files of the package."""
        for folder in self.folders:
            yield from (p for p in folder.rglob("*") if p.name.endswith(tuple(_SUFFIXES)) and p.is_file())

    def _read_from(self, node: ast.ImportFrom, package: str) -> None:
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        source = ".".join([*above, *([node.module] if node.module else [])])
        self.is_all |= source in _BY_NAME
        if not self.add(source):
            return
        for alias in node.names:
            self.is_all |= alias.name == "*"
            self.add(f"{source}.{alias.name}")

    def _file(self, parts: list[str]) -> Path | None:
        for folder in self.folders:
            place = folder.joinpath(*parts[1:])
            inside = [place / f"__init__{suffix}" for suffix in _SUFFIXES]
            beside = [place.with_name(f"{place.name}{suffix}") for suffix in _SUFFIXES] if len(parts) > 1 else []
            for path in (*inside, *beside):
                if path.is_file():
                    return path
        return None


_SUFFIXES = (*SOURCE_SUFFIXES, *EXTENSION_SUFFIXES)

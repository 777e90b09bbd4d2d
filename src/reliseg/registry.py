"""Name -> implementation: a file's name is the name, and no list is kept by hand."""

import importlib
import inspect
import pkgutil
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar, cast

from reliseg.errors import ConfigError, suggestion

T = TypeVar("T")


@dataclass(frozen=True)
class Registry(Generic[T]):
    """The implementations of one interface: files of a folder, and entry points of other projects.

    A file of `folder` holds one concrete class of the interface, which stands in the package's `base.py`. Files are
    listed without being imported; `-` may be written for `_`. Entry points of the group named like the package
    (`reliseg.metrics`, ...) add those of third parties.
    """

    package: str
    folder: str
    interface: str
    kind: str

    @cached_property
    def _entries(self) -> dict[str, EntryPoint | str]:
        found: dict[str, EntryPoint | str] = {e.name: e for e in entry_points(group=self.package)}
        files = f"{self.package}.{self.folder}"
        for module in pkgutil.iter_modules(importlib.import_module(files).__path__):
            found[module.name] = f"{files}.{module.name}"
        return {name.replace("-", "_"): found[name] for name in sorted(found)}

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._entries)

    def get(self, name: str) -> type[T]:
        """The class called `name`; a ConfigError that suggests the nearest name where there is none."""
        entry = self._entries.get(name.replace("-", "_"))
        if entry is None:
            raise ConfigError(f"unknown {self.kind} {name!r}; {suggestion(name, self.names())}")
        if isinstance(entry, EntryPoint):
            return cast(type[T], entry.load())
        base = getattr(importlib.import_module(f"{self.package}.base"), self.interface)
        module = importlib.import_module(entry)
        found = [
            value
            for value in vars(module).values()
            if inspect.isclass(value)
            and issubclass(value, base)
            and value.__module__ == entry
            and not inspect.isabstract(value)
        ]
        if len(found) != 1:
            raise TypeError(f"{entry} must hold exactly one {self.interface}, not {len(found)}")
        return cast(type[T], found[0])

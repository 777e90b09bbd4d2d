"""Name -> implementation: a file's name is the name, and no list is kept by hand."""

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Generic, TypeVar, cast

from reliseg.errors import ConfigError, PluginError, ReliSegError, error_text, suggestion

T = TypeVar("T")


@cache
def shipped_files(package: str, pattern: str) -> Mapping[str, Path]:
    """Return the files of a package that match a pattern like `specs/*.toml`, by name without its ending, in order."""
    folder = Path(str(files(package)))
    return MappingProxyType({path.stem: path for path in sorted(folder.glob(pattern))})


@cache
def _every(find: Callable[[], EntryPoints], path: tuple[str, ...]) -> EntryPoints:
    """Return the entry points of all packages on a path: they are read at once, whichever are asked for."""
    return find()


@dataclass(frozen=True)
class Registry(Generic[T]):
    """The implementations of one interface: files of a folder, and entry points of other projects, the plug-ins.

    A file of `folder` holds one concrete class of the interface, which stands in the package's `base.py`. Files are
    listed without being imported; `-` may be written for `_`. Entry points of the group named like the package
    (`reliseg.metrics`, ...) add those of third parties.
    """

    package: str
    folder: str
    interface: str
    kind: str
    trial: Callable[[type[T]], object] | None = None
    """What everybody does first with a class; a plug-in that fails there is broken."""

    @cached_property
    def _entries(self) -> dict[str, EntryPoint | str]:
        entries: dict[str, EntryPoint | str] = {
            e.name: e for e in _every(entry_points, tuple(sys.path)).select(group=self.package)
        }
        entries = {name.replace("-", "_"): entry for name, entry in entries.items()}
        files = f"{self.package}.{self.folder}"
        for module in pkgutil.iter_modules(importlib.import_module(files).__path__):
            entries[module.name] = f"{files}.{module.name}"
        return dict(sorted(entries.items()))

    @property
    def _plugins(self) -> dict[str, EntryPoint]:
        return {name: entry for name, entry in self._entries.items() if isinstance(entry, EntryPoint)}

    def names(self) -> list[str]:
        """Return all names, sorted; also those of plug-ins that cannot be used."""
        return list(self._entries)

    def shipped_names(self) -> list[str]:
        """Return the names that are no plug-ins, sorted."""
        return [name for name in self._entries if name not in self._plugins]

    @cached_property
    def faults(self) -> dict[str, str]:
        """Return what is wrong with each plug-in that cannot be used, by name: its package, the fault, what to do."""
        loaded = {name: self._load_plugin(entry) for name, entry in self._plugins.items()}
        return {name: fault for name, fault in loaded.items() if isinstance(fault, str)}

    def get(self, name: str) -> type[T]:
        """Return the class called `name`; a ConfigError where there is none (with the nearest name) or it is broken."""
        entry = self._entries.get(name.replace("-", "_"))
        if entry is None:
            raise ConfigError(f"unknown {self.kind} {name!r}; {suggestion(name, self.names())}")
        if isinstance(entry, str):
            return _only_class(entry, self._base)  # type: ignore[arg-type]  # a class can be hashed
        loaded = self._load_plugin(entry)
        if isinstance(loaded, str):
            raise ConfigError(f"{self.kind} {name!r} {loaded}")
        return loaded

    @property
    def _base(self) -> type[T]:
        return cast(type[T], getattr(importlib.import_module(f"{self.package}.base"), self.interface))

    def _trial_fault(self, kind: type[T]) -> str | None:
        try:
            if self.trial is not None:
                self.trial(kind)
        except (Exception, SystemExit) as error:
            return f"cannot be used ({error_text(error)})"
        return None

    def _load_plugin(self, entry: EntryPoint) -> type[T] | str:
        """Return the class of an entry point, or what is wrong with it: it may do anything when it is imported."""
        package = entry.dist.name if entry.dist else entry.module.partition(".")[0]
        try:
            value = entry.load()
        except (Exception, SystemExit) as error:
            fault = f"cannot be imported ({error_text(error)})"
        else:
            if not inspect.isclass(value) or not issubclass(value, self._base):
                fault = f"is no subclass of {self.package}.{self.interface}"
            elif inspect.isabstract(value):
                fault = f"does not define {' and '.join(sorted(getattr(value, '__abstractmethods__', ())))}"
            else:
                trial = self._trial_fault(value)
                if trial is None:
                    return value
                fault = trial
        return f"of the package {package} {fault}; update or uninstall {package}"


@cache
def _only_class(path: str, base: type[T]) -> type[T]:
    """Return the one concrete class of an interface that a module of ours holds."""
    module = importlib.import_module(path)
    classes = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, base)
        and value.__module__ == path
        and not inspect.isabstract(value)
    ]
    if len(classes) != 1:
        raise TypeError(f"{path} must hold exactly one {base.__name__}, not {len(classes)}")
    return classes[0]


def origin_text(kind: type) -> str:
    """Return what an error calls a class: by its name, and by its package if that is another one."""
    package = kind.__module__.partition(".")[0]
    return kind.__name__ if package == __package__ else f"{kind.__name__} of the package {package}"


@contextmanager
def plugin_errors(plugin: object) -> Iterator[None]:
    """Turn what an object of another package raises into a PluginError that names it; what is our own passes."""
    try:
        yield
    except ReliSegError:
        raise
    except Exception as error:
        kind = type(plugin)
        if kind.__module__.partition(".")[0] == __package__:
            raise
        text = f"{origin_text(kind)} raised {error_text(error)}; leave it out, update it, or report it there"
        raise PluginError(text) from error

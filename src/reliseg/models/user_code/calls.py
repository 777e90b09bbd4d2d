"""The functions that users name, as `folder/file.py:function` or `package.module:function`: imported and called."""

import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from reliseg.errors import MissingExtraError, ModelError, error_text, suggestion
from reliseg.models.base import kind_hint
from reliseg.models.user_code.package_files import package_files
from reliseg.models.user_output import stdout_as_stderr

_INSTALLED = ("site-packages", "dist-packages")
_RUNNING = {"reliseg", "__main__", "__mp_main__"}
"""What goes on running while a user's code is imported."""


@dataclass(frozen=True)
class Origin:
    """Where a user's code lies: the folder (or file) of the user's own lines, and the files that were read."""

    where: str
    place: Path
    files: tuple[Path, ...] = ()

    def describe_error(self, error: BaseException) -> str:
        """Return an error's type and text, and the innermost line of the user's own code."""
        text = error_text(error)
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if self._owns(Path(frame.filename))]
        return f"{text} ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else text

    def _owns(self, path: Path) -> bool:
        return path.is_relative_to(self.place) and not _is_installed(path.relative_to(self.place))


def call_function(model: str, where: str, folder: Path, args: Mapping[str, Any]) -> tuple[Any, Origin]:
    """Call the function with these arguments; return its result and where it comes from. A ModelError if it fails."""
    target, _, name = where.rpartition(":")
    if not target or not name:
        raise ModelError(
            f"model {model}: where is {where!r}; write FILE.py:FUNCTION or package.module:FUNCTION{kind_hint(where)}"
        )
    if target.endswith(".py"):
        return _call_from_file(model, where, folder, args)
    place = _place_of(target)
    with _errors_as_one_line(model, Origin(where, place)), _read_from_source(place if place.is_dir() else place.parent):
        module = importlib.import_module(target)
    origin = Origin(where, place, _files([module]))
    function = _function(model, module, name, target)
    with _errors_as_one_line(model, origin):
        result = function(**args)
    return result, Origin(where, place, tuple(dict.fromkeys((*origin.files, *package_files(target)))))


def _call_from_file(model: str, where: str, folder: Path, args: Mapping[str, Any]) -> tuple[Any, Origin]:
    target, _, name = where.rpartition(":")
    path = (folder / Path(target).expanduser()).resolve()
    if not path.is_file():
        raise ModelError(f"model {model}: no file {folder / target}; correct where, FILE.py:FUNCTION")
    origin = Origin(where, path.parent)
    with _imports_from(path.parent) as imported_modules:
        module = _run_file(model, path, origin)
        function = _function(model, module, name, target)
        with _errors_as_one_line(model, origin):
            result = function(**args)
        return result, Origin(where, path.parent, (path, *_files(imported_modules())))


def _run_file(model: str, path: Path, origin: Origin) -> ModuleType:
    """Return the file as a module that `sys.modules` knows only while its text runs."""
    name = f"_reliseg_user_{path.stem}"
    loader = _TextLoader(name, str(path))
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    try:
        with _errors_as_one_line(model, origin):
            loader.exec_module(module)
    finally:
        del sys.modules[module.__name__]
    return module


def _function(model: str, module: ModuleType, name: str, target: str) -> Callable[..., Any]:
    function = getattr(module, name, None)
    if callable(function):
        return function
    top = module.__name__.partition(".")[0]
    known = [
        key
        for key, value in vars(module).items()
        if not key.startswith("_")
        and callable(value)
        and str(getattr(value, "__module__", "")).partition(".")[0] == top
    ]
    raise ModelError(f"model {model}: {target} has no function {name!r}; {suggestion(name, known)}")


@contextmanager
def _errors_as_one_line(model: str, origin: Origin) -> Iterator[None]:
    """Turn whatever the user's code raises into a ModelError of one line, and print nothing to standard output."""
    try:
        with stdout_as_stderr():
            yield
    except ModuleNotFoundError as error:
        if error.name == "torch":
            raise MissingExtraError("torch", "torch", f"model {model} ({origin.where})") from error
        raise ModelError(f"model {model}: {origin.where}: {origin.describe_error(error)}") from error
    except (Exception, SystemExit) as error:
        raise ModelError(f"model {model}: {origin.where}: {origin.describe_error(error)}") from error


@contextmanager
def _imports_from(folder: Path) -> Iterator[Callable[[], list[ModuleType]]]:
    """Let code import the modules of its folder as they are now, and forget them and the folder after.

    So two models may each have a neighbour of the same name. Modules of that folder which were imported before are set
    aside meanwhile. Yields a function that lists the modules imported from there so far.
    """
    before = {name: sys.modules.pop(name) for name in _names_in(folder, sys.modules.copy())}
    others = sys.modules.copy()

    def imported() -> list[str]:
        now = sys.modules.copy()  # at once: other threads may import meanwhile
        return _names_in(folder, [name for name, module in now.items() if others.get(name) is not module])

    sys.path.insert(0, str(folder))
    try:
        with _read_from_source(folder):
            yield lambda: [sys.modules[name] for name in imported()]
    finally:
        for name in imported():
            del sys.modules[name]
        sys.path.remove(str(folder))
        sys.modules.update(before)


@contextmanager
def _read_from_source(folder: Path) -> Iterator[None]:
    """Let what is imported from below a folder be compiled from its text: the text is what is hashed.

    Python's own cache of compiled code goes by size and time of the text, and by seconds.
    """
    finder = FileFinder.path_hook(
        (ExtensionFileLoader, EXTENSION_SUFFIXES),
        (_TextLoader, SOURCE_SUFFIXES),
        (SourcelessFileLoader, BYTECODE_SUFFIXES),
    )

    def hook(place: str) -> Any:
        path = Path(place).absolute()
        if not path.is_relative_to(folder) or _is_installed(path):
            raise ImportError(place)
        return finder(place)

    sys.path_hooks.insert(0, hook)
    sys.path_importer_cache.clear()  # `invalidate_caches` would go through it, while other threads may import
    try:
        yield
    finally:
        sys.path_hooks.remove(hook)
        sys.path_importer_cache.clear()


class _TextLoader(SourceFileLoader):
    """Reads no compiled code, and writes none."""

    def get_code(self, fullname: str) -> CodeType:
        """Compile the text."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def _names_in(folder: Path, names: Iterable[str]) -> list[str]:
    """Return those of these names of modules that were imported from a folder; none where packages are installed."""
    if folder.name in _INSTALLED:
        return []
    names = list(names)
    tops = {name.partition(".")[0] for name in names} - _RUNNING
    there, inside = {path.name.partition(".")[0] for path in folder.iterdir()}, f"{folder}{os.sep}"
    likely = [top for top in tops if top in there or _file_of(top).startswith(inside)]  # of hundreds of modules, few
    own = {top for top in likely if _lies_in(folder, top)}
    return [name for name in names if name.partition(".")[0] in own] if own else []


def _file_of(module: str) -> str:
    return getattr(sys.modules.get(module), "__file__", None) or ""


def _lies_in(folder: Path, top: str) -> bool:
    """Tell if a top-level module is `folder/top.py`, compiled code so called, or the package `folder/top`.

    A package without `__init__.py` has no file, and a path.
    """
    module = sys.modules.get(top)
    file = getattr(module, "__file__", None)
    if not file:
        return any(Path(place).absolute() == folder / top for place in getattr(module, "__path__", ()))
    path = Path(file).absolute()
    return path.parent == folder or path in ((folder / top).resolve() / "__init__.py", folder / top / "__init__.py")


def _is_installed(path: Path) -> bool:
    """Tell if a path leads through a folder where packages are installed."""
    return not set(_INSTALLED).isdisjoint(path.parts)


def _files(modules: list[ModuleType]) -> tuple[Path, ...]:
    files = [getattr(module, "__file__", None) for module in modules]
    return tuple(Path(file).resolve() for file in files if file)


def _place_of(module: str) -> Path:
    """Return the folder of a module's top package, or the file of a module that is in none."""
    top = module.partition(".")[0]
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    path = Path(spec.origin if spec and spec.origin else top).resolve()
    return path.parent if path.name == "__init__.py" else path

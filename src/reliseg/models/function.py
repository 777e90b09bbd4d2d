"""The functions that users name: `folder/file.py:function` or `package.module:function`."""

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from reliseg.errors import MissingExtraError, ModelError, near, one_line


@dataclass(frozen=True)
class Origin:
    """Where a user's code lies: the folder (or file) of the user's own lines, and the files that were read."""

    where: str
    place: Path
    files: tuple[Path, ...] = ()

    def described(self, error: BaseException) -> str:
        """Type, text, and the innermost line of the user's own code."""
        text = f"{type(error).__name__}: {one_line(error)}".removesuffix(": ")
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if self._owns(Path(frame.filename))]
        return f"{text} ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else text

    def _owns(self, path: Path) -> bool:
        return path.is_relative_to(self.place) and "site-packages" not in path.relative_to(self.place).parts


def called(model: str, where: str, folder: Path, args: Mapping[str, Any]) -> tuple[Any, Origin]:
    """What the function gives for these arguments, and where it comes from; a ModelError where it fails."""
    target, _, name = where.rpartition(":")
    if not target or not name:
        raise ModelError(f"model {model}: where is {where!r}; write FILE.py:FUNCTION or package.module:FUNCTION")
    if not target.endswith(".py"):
        with _told(model, Origin(where, _place_of(target))):
            module = importlib.import_module(target)
        origin = Origin(where, _place_of(target), _files([module]))
        function = _function(model, module, name, target)
        with _told(model, origin):
            return function(**args), origin
    path = (folder / target).resolve()
    if not path.is_file():
        raise ModelError(f"model {model}: no file {folder / target}")
    origin = Origin(where, path.parent)
    with _neighbours(path.parent) as imported:
        module = _executed(model, path, origin)
        function = _function(model, module, name, target)
        with _told(model, origin):
            built = function(**args)
        return built, Origin(where, path.parent, (path, *_files(imported())))


def _executed(model: str, path: Path, origin: Origin) -> ModuleType:
    """The file as a module that `sys.modules` knows only while its text runs."""
    spec = importlib.util.spec_from_file_location(f"_reliseg_user_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    try:
        with _told(model, origin):
            spec.loader.exec_module(module)
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
    raise ModelError(f"model {model}: {target} has no function {name!r}; {near(name, known)}")


@contextmanager
def _told(model: str, origin: Origin) -> Iterator[None]:
    """Whatever the user's code raises becomes one line."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name == "torch":
            raise MissingExtraError("torch", "torch", f"model {model} ({origin.where})") from error
        raise ModelError(f"model {model}: {origin.where}: {origin.described(error)}") from error
    except (Exception, SystemExit) as error:
        raise ModelError(f"model {model}: {origin.where}: {origin.described(error)}") from error


@contextmanager
def _neighbours(folder: Path) -> Iterator[Callable[[], list[ModuleType]]]:
    """Lets code import the modules beside it, without leaving them or their folder behind.

    So two models may each have a neighbour of the same name. Gives the modules imported from there so far.
    """
    before = set(sys.modules)
    permanent = str(folder) in sys.path

    def imported() -> list[ModuleType]:
        new = [name for name in list(sys.modules) if name not in before]
        return [sys.modules[name] for name in new if _lies_in(folder, name.partition(".")[0])]

    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield imported
    finally:
        sys.path.remove(str(folder))
        for module in () if permanent else imported():
            sys.modules.pop(module.__name__, None)


def _lies_in(folder: Path, top: str) -> bool:
    """Whether a top-level module is `folder/top.py` or the package `folder/top`."""
    module = sys.modules.get(top)
    files = _files([module]) if module else ()
    return any(f in (folder / f"{top}.py", folder / top / "__init__.py") for f in files)


def _files(modules: list[ModuleType]) -> tuple[Path, ...]:
    files = [getattr(module, "__file__", None) for module in modules]
    return tuple(Path(file).resolve() for file in files if file)


def _place_of(module: str) -> Path:
    """The folder of a module's top package, or the file of a module that is in none."""
    top = module.partition(".")[0]
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    path = Path(spec.origin if spec and spec.origin else top).resolve()
    return path.parent if path.name == "__init__.py" else path

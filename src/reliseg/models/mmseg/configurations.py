"""Configurations of mmsegmentation: those that its package ships, and files of a user, which are programs."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from reliseg.errors import ModelError, error_text
from reliseg.models.user_output import stdout_as_stderr

_NEAR = 4
"""Names that are suggested in the place of an unknown one: hundreds are shipped."""
_OLD_PACKAGES = {"mmcls": "mmpretrain"}
"""What packages of layers were called in configurations for mmsegmentation 0.x."""


@dataclass(frozen=True)
class Configuration:
    """What a configuration holds, as plain containers, with the changes of `args`; and the file it was read from."""

    file: Path
    shipped: bool
    content: dict[str, Any]

    def sha256(self) -> str:
        """Return the hash of the content: of what its bases give it too, and not of where they lie."""
        text = json.dumps(self.content, sort_keys=True, default=repr)
        return hashlib.sha256(text.encode()).hexdigest()


def find_configuration(model: str, where: str, folder: Path) -> tuple[Path, bool]:
    """Return the file that `where` means, and whether it is a shipped one; a ModelError suggests the nearest names."""
    own = folder / Path(where).expanduser()
    if own.is_file():
        return own.resolve(), False
    name = where.removesuffix(".py")
    shipped = shipped_configurations()
    if name in shipped:
        return shipped[name], True
    near = _nearest(name, shipped)
    hint = f"the nearest are {', '.join(near)}" if near else "give a file, CONFIG.py, or such a name"
    raise ModelError(f"model {model}: {where!r} is neither a file nor a configuration of mmsegmentation; {hint}")


def _nearest(name: str, known: Iterable[str]) -> list[str]:
    """Return the names that share most parts with a name, and of those the ones that are written most alike."""
    parts = _parts(name)
    shared = {other: len(parts & _parts(other)) for other in known}
    alike = [other for other in shared if shared[other] > len(parts) // 2]
    alike.sort(key=lambda other: (-shared[other], -SequenceMatcher(None, name, other).ratio()))
    return alike[:_NEAR]


def _parts(name: str) -> set[str]:
    return set(re.split(r"[_-]", name))


@cache
def shipped_configurations() -> Mapping[str, Path]:
    """Return the configurations inside the package, by the names of their files; {} where it is not installed."""
    spec = find_spec("mmseg")
    if spec is None or not spec.origin:
        return {}
    folder = Path(spec.origin).parent / ".mim" / "configs"
    files = sorted(folder.rglob("*.py"))
    return {file.stem: file for file in files if "_base_" not in file.relative_to(folder).parts}


def read_configuration(model: str, where: str, folder: Path, changes: Mapping[str, Any]) -> Configuration:
    """Run a configuration and merge changes into it, by dotted names; a ModelError if that fails.

    Layers of old packages are looked for in the new ones. What it imports besides is not imported yet.
    """
    file, shipped = find_configuration(model, where, folder)
    with _errors_as_one_line(model, where):
        from mmengine.config import Config

        config = Config.fromfile(file, import_custom_modules=False)
        config.merge_from_dict(dict(changes))
        content = _plain(config.to_dict())
    if not isinstance(content.get("model"), dict):
        raise ModelError(f"model {model}: {where} has no model = dict(..); give the configuration of a network")
    return Configuration(file, shipped, content)


@contextmanager
def _errors_as_one_line(model: str, where: str) -> Iterator[None]:
    try:
        with stdout_as_stderr():
            yield
    except (Exception, SystemExit) as error:  # of a program
        raise ModelError(f"model {model}: {where}: {error_text(error)}") from error


def _plain(value: Any) -> Any:
    """Return containers of plain ones, with the new names of old packages before those of layers."""
    if isinstance(value, Mapping):
        return {key: _renamed(part) if key == "type" else _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):  # layers ask for one or the other
        return type(value)(_plain(part) for part in value)
    return value


def _renamed(layer: Any) -> Any:
    if not isinstance(layer, str):
        return layer
    package, dot, name = layer.partition(".")
    return f"{_OLD_PACKAGES.get(package, package)}{dot}{name}"


def import_packages(content: Mapping[str, Any]) -> None:
    """Import what a configuration asks for: layers of a user and of other packages register themselves."""
    from mmengine.utils import import_modules_from_strings

    asked = content.get("custom_imports") or {}
    names = asked.get("imports") or []
    for name in [names] if isinstance(names, str) else names:
        package, dot, rest = str(name).partition(".")
        new = f"{_OLD_PACKAGES.get(package, package)}{dot}{rest}"
        import_modules_from_strings(new, allow_failed_imports=bool(asked.get("allow_failed_imports")))

"""The hashes that tell from which files a model was made, and which files were opened when it was."""

import hashlib
import os
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

_INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_OF_THE_SYSTEM = ("/proc/", "/sys/", "/dev/", "/etc/", "/usr/share/")
_CODE = (".py", ".pyc", ".so", ".pyd")
"""What is imported is looked at elsewhere."""
_FOR_THE_MOMENT = ("tmp", "pymp-", "torchinductor")
_recordings: list[dict[str, None]] = []


def hash_files(paths: Iterable[Path]) -> dict[str, str]:
    """Return the SHA-256 of each file, by its path."""
    digests = {}
    for path in paths:
        with path.open("rb") as file:
            digests[path.as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


@contextmanager
def recorded_files() -> Iterator[dict[str, None]]:
    """Record the absolute paths of files that Python opens for reading meanwhile.

    What a library opens by itself, without Python, is not seen.
    """
    _install_hook()
    recording: dict[str, None] = {}
    _recordings.append(recording)
    try:
        yield recording
    finally:
        _recordings.remove(recording)


def own_files(recording: Iterable[str], folder: Path) -> list[Path]:
    """Return those of recorded files that a user's code read by its own will, which are still there.

    Not what belongs to the system or to packages, nor, outside `folder`, hidden folders and those that programs make
    for the moment: caches.
    """
    temporary = Path(tempfile.gettempdir()).resolve()
    found = []
    for path in map(Path, recording):
        inside = path.is_relative_to(folder)
        parts = path.relative_to(folder).parts if inside else path.parts
        cached = any(part.startswith(".") or part == "__pycache__" for part in parts)
        if path.is_relative_to(temporary) and not inside:
            cached |= path.relative_to(temporary).parts[0].startswith(_FOR_THE_MOMENT)
        foreign = str(path).startswith((*_INSTALLED, *_OF_THE_SYSTEM)) or path.suffix in _CODE
        if not (cached or foreign) and path.is_file():
            found.append(path)
    return found


@cache
def _install_hook() -> None:
    """Listen to what Python opens, from now on: such a listener cannot be taken away, and does nothing in between."""
    sys.addaudithook(_listen)


def _listen(event: str, args: tuple[Any, ...]) -> None:
    if event != "open" or not _recordings:
        return
    path, _, flags = args
    if isinstance(path, str | bytes | os.PathLike) and not flags & (os.O_WRONLY | os.O_RDWR):
        with suppress(ValueError, OSError):
            name = str(Path(os.fsdecode(path)).absolute())
            for recording in _recordings:
                recording[name] = None

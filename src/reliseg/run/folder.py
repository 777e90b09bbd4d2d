"""A run's folder holds one run, and one process writes there at a time."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from reliseg.errors import ConfigError, shortlist
from reliseg.runtime.atomic_files import write_text


@contextmanager
def lock_run_folder(folder: Path, configuration: str) -> Iterator[None]:
    """Within, the folder is this run's. A ConfigError where it holds another, or another process writes there.

    The lock is the system's, on the folder itself: it ends with the process, however that ends.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = _locked(folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        _claim(folder, configuration)
        yield
    finally:
        if descriptor is not None:
            _unlock(descriptor)


def differences(before: str, now: str) -> list[str]:
    """The places where two configurations (YAML or JSON) differ, like `calibration.0.methods`."""
    return list(dict.fromkeys(_different((), yaml.safe_load(before), yaml.safe_load(now))))


def _different(place: tuple[str, ...], before: Any, now: Any) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*before, *now]):
            yield from _different((*place, str(key)), before.get(key), now.get(key))
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for i, (one, other) in enumerate(zip(before, now, strict=True)):
            yield from _different((*place, str(i)), one, other)
    elif before != now:
        yield ".".join(place)


def _claim(folder: Path, configuration: str) -> None:
    path = folder / "config.yaml"
    try:
        if path.exists():
            held = path.read_text(encoding="utf-8")
            if held != configuration:
                raise ConfigError(f"{folder} holds another run: {_what_differs(held, configuration)}")
        elif any(folder.iterdir()):
            raise ConfigError(f"{folder} is not empty and holds no run; give another --out")
        else:
            write_text(path, configuration)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _what_differs(held: str, configuration: str) -> str:
    try:
        places = differences(held, configuration)
    except yaml.YAMLError:
        places = []
    what = f" in {shortlist(places)}" if places else ""
    return f"its config.yaml differs{what}; undo that, or give another --out"


def _locked(folder: Path) -> int | None:
    """A descriptor that holds the lock until it is closed; None where the system or the disk has no such locks."""
    if sys.platform == "win32":
        return None
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise ConfigError(f"{folder}: another process is writing there; wait for it, or give another --out") from error
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _unlock(descriptor: int) -> None:
    """Let go at once: a process that was forked within, like a worker of the model's, holds the lock open as well."""
    import fcntl

    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def _unwritable(folder: Path, error: OSError) -> ConfigError:
    return ConfigError(f"{folder}: cannot be written ({error.strerror}); give another --out")

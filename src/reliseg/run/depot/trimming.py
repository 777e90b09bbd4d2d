"""Copies of runs that lie here: bounded together, as what is in them can be fetched again."""

import os
from collections import defaultdict
from contextlib import ExitStack, suppress
from pathlib import Path

from reliseg.errors import ConfigError
from reliseg.remote.settings import cache_bytes
from reliseg.run.lock import lock_folder

_KEPT = 0.9
"""What is left of the limit after room was made."""
_LARGE = ("statistics", "samples")


def trim(runs: Path) -> None:
    """Remove statistics and samples that were not used for longest, where copies hold more than a cache may.

    Copies that another process works in stay as they are.
    """
    found = sorted(file for run in runs.iterdir() for kind in _LARGE for file in _files(run / kind))
    held = sum(size for _, size, _ in found)
    limit = cache_bytes(runs, held)
    if held <= limit:
        return
    with ExitStack() as locks:
        free: dict[Path, bool] = defaultdict(bool)
        for run in runs.iterdir():
            with suppress(ConfigError):
                locks.enter_context(lock_folder(run))
                free[run] = True
        for _, size, path in found:
            if held <= _KEPT * limit:
                return
            if free[runs / path.relative_to(runs).parts[0]]:
                path.unlink(missing_ok=True)
                held -= size


def _files(folder: Path) -> list[tuple[float, int, Path]]:
    """Return when each file below a folder was last used, its size, and its path."""
    found = []
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                facts = Path(place, name).stat()
                found.append((max(facts.st_atime, facts.st_mtime), facts.st_size, Path(place, name)))
    return found

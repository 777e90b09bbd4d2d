"""Two modules on disk, of which one inlines a compiled function of the other, and a process that runs them."""

import os
import subprocess
import sys
from pathlib import Path

INNER = """
from reliseg.runtime.arithmetic import I64
from reliseg.runtime.numba_compile import inline_njit

@inline_njit
def inner(x: int) -> int:
    return I64(x + {more})
"""
OUTER = """
from inner import inner
from reliseg.runtime.numba_compile import cached_njit

@cached_njit
def outer(x: int) -> int:
    return inner(x)

print(outer(1), sum(outer.stats.cache_hits.values()))
"""


def run_outer(folder: Path, before: str = "") -> str:
    """Return what the function gives, and how often its code came from the cache."""
    folders = os.pathsep.join([str(folder), *sys.path])
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": folders}
    command = [sys.executable, "-B", "-c", f"{before}\nimport outer"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()

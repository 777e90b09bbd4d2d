"""What this machine may spend on places outside it: a cache, its size, and how long an answer is waited for."""

import os
import re
import shutil
from pathlib import Path

from reliseg.errors import ConfigError
from reliseg.runtime.text_files import quoted

TIMEOUT = 20.0
"""Seconds without a byte."""
CACHE_BYTES = 20 * 10**9
_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?B?)\s*")


def cache_folder() -> Path:
    """Return the folder of the cache: RELISEG_CACHE, else `reliseg/remote` in the user's folder of caches."""
    if given := os.environ.get("RELISEG_CACHE"):
        return Path(given).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "reliseg" / "remote"


def cache_bytes(folder: Path, held: int) -> int:
    """Return how many bytes the cache may hold: RELISEG_CACHE_SIZE, else 20 GB, or half of the disk's room if less.

    `held` are the bytes that it holds already. A ConfigError where the setting is no size.
    """
    given = os.environ.get("RELISEG_CACHE_SIZE")
    if given is not None:
        return parse_size(given)
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return CACHE_BYTES
    return min(CACHE_BYTES, (free + held) // 2)


def parse_size(text: str) -> int:
    """Return the bytes of `20 GB`, `500MB` or `0`; a ConfigError where it is no size."""
    match = _SIZE.fullmatch(text.upper())
    if match is None:
        raise ConfigError(f"RELISEG_CACHE_SIZE is {quoted(text)}; write a size, like 20 GB, or 0 for no cache")
    unit = match[2] if match[2].endswith("B") and len(match[2]) == 2 else match[2].rstrip("B") and f"{match[2]}B"
    return int(float(match[1]) * _UNITS[unit])


def timeout() -> float:
    """Return how many seconds without a byte are waited: RELISEG_TIMEOUT, else 20. A ConfigError for no number."""
    given = os.environ.get("RELISEG_TIMEOUT")
    if given is None:
        return TIMEOUT
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ConfigError(f"RELISEG_TIMEOUT is {quoted(given)}; write a number of seconds, like 60")
    return seconds

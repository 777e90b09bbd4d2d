"""The cache of fetched files: bounded, for any number of threads and processes, and never a reason to fail.

A file of the cache is named by the address of what it holds and by its version, and begins with a checksum: what was
damaged is fetched again.
"""

import hashlib
import os
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Lock

from reliseg.remote.facts import Facts
from reliseg.remote.settings import cache_bytes, cache_folder

_SUM_BYTES = 16
_KEPT = 0.9
"""What is left of the limit after room was made."""
_LOOK_AGAIN = 16
"""The share of the limit that is added before others' files are counted again: one part in so many."""
_ABANDONED = 24 * 3600
"""Seconds after which nobody writes to a temporary file any more."""
_TEMPORARY = ".tmp"


@dataclass(eq=False)
class Cache:
    """Fetched files in a folder, at most `limit` bytes of them; those that were used last stay."""

    folder: Path
    limit: int
    _held: int | None = field(default=None, init=False)
    """Bytes that were there when the folder was looked at last; None before."""
    _added: int = field(default=0, init=False)
    """Bytes that were added since."""
    _lock: Lock = field(default_factory=Lock, init=False)

    def get(self, key: str) -> bytes | None:
        """Return the content of this key, if it is here and whole."""
        path = self._path(key)
        try:
            stored = path.read_bytes()
        except OSError:
            return None
        content = stored[_SUM_BYTES:]
        if stored[:_SUM_BYTES] != _checksum(content):
            with suppress(OSError):
                path.unlink()
            return None
        with suppress(OSError):
            os.utime(path)
        return content

    def put(self, key: str, content: bytes) -> None:
        """Keep a content, if the disk has room for it."""
        size = len(content) + _SUM_BYTES
        if size > self.limit:
            return
        with suppress(OSError):
            self._write(self._path(key), content)
            with self._lock:
                self._added += size
                is_counted = self._held is not None and self._added <= self.limit // _LOOK_AGAIN
                if not is_counted or (self._held or 0) + self._added > self.limit:
                    self._make_room()

    def _write(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        number, temporary = tempfile.mkstemp(_TEMPORARY, dir=path.parent)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(_checksum(content))
                file.write(content)
            Path(temporary).replace(path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise

    def _make_room(self) -> None:
        """Count what is there, and remove what was not used for longest where it is too much."""
        files = sorted(self._files())
        held = sum(size for _, size, _ in files)
        if held > self.limit:
            for _, size, path in files:
                if held <= _KEPT * self.limit:
                    break
                Path(path).unlink(missing_ok=True)
                held -= size
        self._held, self._added = held, 0

    def _files(self) -> list[tuple[int, int, str]]:
        """Return when each file was last used, its size, and its path."""
        found, now = [], time.time()
        for folder in self.folder.glob("??"):
            with suppress(OSError), os.scandir(folder) as entries:
                for entry in entries:
                    with suppress(OSError):
                        facts = entry.stat()
                        if entry.name.endswith(_TEMPORARY) and facts.st_mtime < now - _ABANDONED:
                            Path(entry.path).unlink(missing_ok=True)
                        else:
                            found.append((facts.st_mtime_ns, facts.st_size, entry.path))
        return found

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key


def held_bytes(folder: Path) -> int:
    """Return how many bytes the files of a cache have."""
    return sum(size for _, size, _ in Cache(folder, 0)._files())


def cache_key(address: str, facts: Facts) -> str:
    """Return the name of a version of a file; where its store tells no versions, one of this process alone."""
    own = "" if facts.tells_changes else f"{os.getpid()} {_STARTED}"
    text = "\0".join([address, str(facts.size), facts.version or str(facts.modified), own])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


_STARTED = time.time_ns()


def shared_cache() -> Cache:
    """Return the cache of this machine's user, as the environment says where it is."""
    return _cache_in(cache_folder(), os.environ.get("RELISEG_CACHE_SIZE"))


@cache
def _cache_in(folder: Path, _: str | None, /) -> Cache:
    return Cache(folder, cache_bytes(folder, held_bytes(folder)))


def _checksum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_SUM_BYTES).digest()

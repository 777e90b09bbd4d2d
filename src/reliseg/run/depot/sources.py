"""Runs that are only read: in their folder, or as a copy here that holds what an object store holds of them."""

import hashlib
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from reliseg.errors import ConfigError, StorageError
from reliseg.remote import FetchError, Mirror, run_address
from reliseg.remote.errors import AbsentError
from reliseg.remote.settings import cache_folder
from reliseg.run.depot.base import files_below
from reliseg.run.depot.trimming import trim
from reliseg.run.lock import lock_folder

COPIES = "sources"
"""The folder of the cache that holds the copies."""
_THREADS = 8
_LOOKS = 10
"""How often the list is asked for, where files go away while they are fetched."""


@contextmanager
def run_to_read(run: str | Path, parts: Collection[str]) -> Iterator[Path]:
    """Yield the folder that holds these parts of a run: names of files and folders right in it.

    A copy is kept, so that what is read again is not fetched again, and is bounded afterwards. Nothing is put into a
    store, and nothing removed there.
    """
    address = run_address(str(run))
    if address is None:
        yield Path(run)
        return
    copy = cache_folder() / COPIES / hashlib.sha256(str(address).encode()).hexdigest()[:32]
    with lock_folder(copy, shared=True):  # the copy is not trimmed meanwhile
        try:
            _fetch(Mirror(str(address), copy), parts)
        except FetchError as error:
            raise (StorageError if error.may_pass else ConfigError)(str(error)) from error
        yield copy
    with suppress(OSError):  # another process may do the same
        trim(copy.parent)


def _fetch(mirror: Mirror, parts: Collection[str]) -> None:
    """Have in the copy what the store holds of these parts, and nothing else."""
    for _ in range(_LOOKS):
        names = [name for name in mirror.names() if name.partition("/")[0] in parts]
        with ThreadPoolExecutor(_THREADS) as pool:
            is_there = dict(zip(names, pool.map(lambda name: _is_fetched(mirror, name), names), strict=True))
        if all(is_there.values()):
            break
        mirror.forget()  # whoever writes there has put pieces together: what holds them now is new
    kept = {mirror.folder / name for name, there in is_there.items() if there}
    files = [*files_below(mirror.folder / part for part in parts), *(mirror.folder / part for part in parts)]
    for path in files:
        if path not in kept and path.is_file():
            path.unlink(missing_ok=True)


def _is_fetched(mirror: Mirror, name: str) -> bool:
    try:
        mirror.fetch(name)
    except AbsentError:
        return False
    return True

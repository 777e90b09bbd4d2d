"""The files of a run that readers need: in its folder, or fetched from an object store into a copy here.

Reading puts nothing into a store and removes nothing there.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from reliseg.errors import ConfigError, DataError, StorageError
from reliseg.remote import FetchError, Mirror, run_address
from reliseg.remote.settings import cache_bytes, cache_folder
from reliseg.runtime.regular_files import open_regular, reason_of, sha256_of_file

RESULTS_FILE = "results.json"
_COPIES = "read"
"""The folder of the cache that holds what was fetched to be read."""
_THREADS = 8
"""Files that are fetched side by side: each one waits for the network most of its time."""


def readable_run(run: str | Path, *parts: str) -> Path:
    """Return the folder that holds the results of a run and these other parts of it, by its path or its address.

    Parts are names of files and folders; one that the run lacks is not there either. The `results.json` of a run stands
    for its folder. A DataError where nothing at an address is a finished run, a StorageError or ConfigError where it
    cannot be had.
    """
    address = run_address(str(run))
    if address is None:
        path = Path(run)
        return path.parent if path.is_file() else path
    if not address.is_store:
        raise ConfigError(f"{run}: a web server does not list the files of a run; download them, and give their folder")
    return _StoredRun(str(address).removesuffix(f"/{RESULTS_FILE}")).have(*parts)


class _StoredRun:
    """A finished run in an object store, listed once, and the copy here of what was read of it."""

    def __init__(self, address: str) -> None:
        with _asking():
            self._mirror = Mirror(address, cache_folder() / _COPIES / hashlib.sha256(address.encode()).hexdigest()[:32])
            self._names = frozenset(self._mirror.names())
        if RESULTS_FILE not in self._names:
            raise DataError(f"{address}/{RESULTS_FILE}: no such file; give the address of a finished run")

    def have(self, *parts: str) -> Path:
        """Return the copy, with the results and these other parts."""
        folder, wanted = self._mirror.folder, {RESULTS_FILE, *parts}
        found = [n for n in self._names if n in wanted or n.partition("/")[0] in wanted]
        _remove_others(folder, wanted, found)
        with _asking(), ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(self._mirror.fetch, found))
        with suppress(OSError):  # another process may do the same
            _trim(folder.parent, folder)
        return folder

    def fetch(self, name: str) -> None:
        """Have a file in the copy, if the run has it."""
        if name in self._names:
            with _asking():
                self._mirror.fetch(name)


def open_readable(path: str | Path, name: str, limit: int) -> tuple[BufferedReader, str]:
    """Open a run's file of this name, by the run's folder or address or by its own path; return how users call it, too.

    A DataError says why it cannot be had.
    """
    shown = str(path)
    advice = "give the folder of a finished run"
    if name != RESULTS_FILE:
        advice += ", or write it anew with reliseg results RUN"
    try:
        address = run_address(shown)
        if address is None:
            file = Path(path) / name if Path(path).is_dir() else Path(path)
            shown = str(file)
        else:
            run = str(address).removesuffix(f"/{name}")
            file, shown = readable_run(run, name) / name, f"{run}/{name}"
        return open_regular(file, limit), shown
    except FileNotFoundError as error:
        raise DataError(f"{shown}: no such file; {advice}") from error
    except OSError as error:
        raise DataError(f"{shown}: cannot be read ({reason_of(error)}); {advice}") from error


@dataclass(frozen=True, eq=False)
class Source:
    """The run that a table of results is from: its absolute path or its address, and a digest of the table then."""

    run: str
    digest: str
    is_temporary: bool = False
    """True where the folder goes with the table: its name says nothing."""

    @classmethod
    def of(cls, run: str | Path, table: bytes, *, is_temporary: bool = False) -> "Source":
        """Return the source of what the `results.json` of a run holds, by the run's path or address."""
        name = str(run) if run_address(str(run)) else str(Path(run).absolute())
        return cls(name, hashlib.sha256(table).hexdigest(), is_temporary)

    def read(self, *parts: str) -> Path:
        """Return the folder that holds these parts of the run; a DataError where its results are others by now."""
        folder = readable_run(self.run, *parts)
        try:
            digest = sha256_of_file(folder / RESULTS_FILE)
        except OSError as error:
            raise DataError(
                f"{self.run}: its {RESULTS_FILE} cannot be read any more ({reason_of(error)}); carry out its "
                "configuration again"
            ) from error
        if digest != self.digest:
            raise DataError(f"{self.run} has other results by now; read it again with reliseg.Results.read")
        return folder

    def fetcher(self) -> Callable[[str], None] | None:
        """Return what has a file of the run in the folder that was read; None where all its files are there."""
        return _StoredRun(self.run).fetch if run_address(self.run) else None


def _remove_others(folder: Path, wanted: Collection[str], found: Collection[str]) -> None:
    """Remove of a copy what is in the store no more, of the parts that are asked for."""
    for path in [p for part in wanted for p in (folder / part, *(folder / part).rglob("*"))]:
        if path.is_file() and path.relative_to(folder).as_posix() not in found:
            path.unlink(missing_ok=True)


def _trim(copies: Path, kept: Path) -> None:
    """Remove the copies that were not read for longest, but one, where all hold more than a cache may."""
    os.utime(kept)
    sizes = {copy: sum(p.stat().st_size for p in copy.rglob("*") if p.is_file()) for copy in copies.iterdir()}
    held = sum(sizes.values())
    if held <= cache_bytes(copies, held):
        return
    for copy in sorted(sizes.keys() - {kept}, key=lambda path: path.stat().st_mtime):
        shutil.rmtree(copy, ignore_errors=True)
        held -= sizes[copy]
        if held <= cache_bytes(copies, held):
            return


@contextmanager
def _asking() -> Iterator[None]:
    """Turn a FetchError into what users are told."""
    try:
        yield
    except FetchError as error:
        raise (StorageError if error.may_pass else ConfigError)(str(error)) from error

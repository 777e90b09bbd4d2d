"""The run of an object store, with a copy here in which the work is done."""

import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TypeAlias

from reliseg.errors import ConfigError, StorageError
from reliseg.remote import FetchError, Mirror
from reliseg.remote.errors import AbsentError
from reliseg.run.depot.base import Depot, files_below
from reliseg.run.depot.trimming import trim

_THREADS = 8
"""Files that are fetched side by side: each one waits for the network most of its time."""
_State: TypeAlias = tuple[int, int, int]


class MirroredDepot(Depot):
    """An object store, by way of a mirror of it.

    What lies here and not there was written when the store could not be had, or by a process that was killed: it is put
    there when it is looked for.
    """

    is_elsewhere = True

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._equal: dict[Path, _State] = {}
        """Files that hold what the store holds, as they were then."""
        self._lock = Lock()

    def name(self, _: Path) -> str:
        """Return the address."""
        return str(self._mirror.address)

    def names(self) -> Collection[str]:
        """Return what lies right in the folder of the run."""
        return {p.relative_to(self._mirror.folder).parts[0] for paths in self._files.values() for p in paths}

    def below(self, *folders: Path) -> Mapping[Path, int]:
        """Return the files that are there, and those that are here alone."""
        with self._asking():
            sizes = self._mirror.sizes()
        there = {p: sizes[self._name_of(p)] for f, paths in self._files.items() if _is_below(f, folders) for p in paths}
        here = {path: size for path, size in files_below(folders).items() if not _is_of_this_machine(path)}
        return dict(sorted((here | there).items()))

    def fetch(self, *folders: Path, stem: str = "") -> None:
        """Fetch files that are not here, or other ones, and put those that are not there."""
        there = [f for folder in folders for f in self._files.get(folder, ()) if f.name.startswith(stem)]
        with self._asking():
            lacking = [path for path in there if not self._is_equal(path)]
            if len(lacking) > 1:
                with ThreadPoolExecutor(_THREADS) as pool:
                    list(pool.map(self._fetch, lacking))
            else:
                list(map(self._fetch, lacking))
        known = set(there)
        self.put(*(f for folder in folders for f in _files_in(folder, stem) if f not in known))

    def put(self, *paths: Path) -> None:
        """Put files there that are not, or hold other bytes."""
        with self._asking():
            for path in paths:
                if not self._is_equal(path):
                    if not self._mirror.holds(path):
                        self._mirror.put(path)
                    self._note(path)

    def put_all(self, folder: Path) -> None:
        """Put all files of a folder there."""
        self.put(*_files_in(folder))

    def tell(self, path: Path) -> None:
        """Put a file there; an OSError where that fails."""
        self._mirror.put(path)

    def hand_over(self, path: Path) -> None:
        """Put a file there, and remove it here."""
        self.put(path)
        path.unlink(missing_ok=True)

    def remove(self, *paths: Path) -> None:
        """Remove files there and here."""
        with self._asking():
            if len(paths) > _THREADS:
                with ThreadPoolExecutor(_THREADS) as pool:
                    list(pool.map(self._remove, paths))
            else:
                list(map(self._remove, paths))

    def remove_folder(self, folder: Path) -> None:
        """Remove all files below a folder there, and the folder here."""
        self.remove(*(path for f, paths in list(self._files.items()) if f.is_relative_to(folder) for path in paths))
        shutil.rmtree(folder, ignore_errors=True)

    def look_again(self) -> None:
        """Have the store list its files again when something is looked for next."""
        self._mirror.forget()
        self._equal.clear()
        self.__dict__.pop("_files", None)

    def trim(self) -> None:
        """Remove from the copies of runs here what was not used for longest, if they are more than a cache may hold."""
        with suppress(OSError):  # another process may do the same
            trim(self._mirror.folder.parent)

    @cached_property
    def _files(self) -> dict[Path, set[Path]]:
        """What is there, as paths here, by the folder that it lies in."""
        found: dict[Path, set[Path]] = {}
        try:
            names = self._mirror.names()
        except FetchError as error:
            raise (StorageError if error.may_pass else ConfigError)(f"--out {error}") from error
        for name in names:
            path = self._mirror.folder / name
            if not _is_of_this_machine(path):
                found.setdefault(path.parent, set()).add(path)
        return found

    def _fetch(self, path: Path) -> None:
        try:
            self._mirror.fetch(self._name_of(path))
        except AbsentError:  # removed since it was listed: it has been joined with others, or is not needed any more
            with self._lock:
                self._files[path.parent].discard(path)
            path.unlink(missing_ok=True)
        else:
            self._note(path)

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        if path in self._files.get(path.parent, ()):
            self._mirror.remove(self._name_of(path))
            with self._lock:
                self._files[path.parent].discard(path)

    def _note(self, path: Path) -> None:
        with self._lock:
            self._equal[path] = _state(path)
            self._files.setdefault(path.parent, set()).add(path)

    def _is_equal(self, path: Path) -> bool:
        try:
            return self._equal.get(path) == _state(path)
        except OSError:
            return False

    def _name_of(self, path: Path) -> str:
        return path.relative_to(self._mirror.folder).as_posix()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Turn a FetchError into what ends a run."""
        try:
            yield
        except FetchError as error:
            kept = f"what is finished is kept in {self._mirror.folder}, and the same command continues"
            raise StorageError(f"{error}; {kept}") from error


def _files_in(folder: Path, stem: str = "") -> Iterable[Path]:
    """Return files that others may need; those that tell of others come last."""
    try:
        found = [p for p in folder.iterdir() if p.name.startswith(stem) and not _is_of_this_machine(p) and p.is_file()]
    except OSError:
        return ()
    order: Callable[[Path], tuple[bool, Path]] = lambda path: (path.suffix == ".json", path)  # noqa: E731
    return sorted(found, key=order)


def _is_below(folder: Path, above: Iterable[Path]) -> bool:
    return any(folder.is_relative_to(one) for one in above)


def _is_of_this_machine(path: Path) -> bool:
    """Tell if a file says something of this machine alone, or is not whole."""
    return path.name.startswith((".", "inputs.sqlite"))


def _state(path: Path) -> _State:
    facts = path.stat()
    return facts.st_size, facts.st_mtime_ns, facts.st_ino

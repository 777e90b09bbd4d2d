"""The sha256 of every file that a run reads: content is what stored results are compared by.

A file is read again for its hash only where it may have changed: where its size, its inode or a time of change is
another one, or where it was changed so shortly before it was hashed that a further change would not show.
"""

import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TypeAlias

from reliseg.data import DataSet, DecodedSample, Sample, sample_sha256
from reliseg.errors import ReliSegError
from reliseg.runtime.regular_files import sha256_of_file

State: TypeAlias = str
"""What the file system says of some files: sizes, times and inodes."""

_SETTLED_NS = 2_000_000_000
"""How long before it is hashed a file must have been changed last: file systems keep times of up to 2 s."""
_TABLE = """CREATE TABLE IF NOT EXISTS inputs
(key BLOB PRIMARY KEY, state TEXT, taken INTEGER, value TEXT, run TEXT, seal BLOB) WITHOUT ROWID"""


class ChangedError(ReliSegError):
    """Files hold other bytes than this run has read in them before."""

    def __init__(self, files: Iterable[Path]) -> None:
        super().__init__(
            f"{' or '.join(map(str, files))} changed while the run went on: a part of it has read other bytes; "
            "run again to evaluate what depends on it"
        )


@dataclass(frozen=True)
class _Entry:
    """What is known of some files."""

    state: State
    taken: int
    """When hashing began, in nanoseconds."""
    value: str
    run: str
    """The run that has read or compared them last."""

    def seal(self, key: bytes) -> bytes:
        """Return the checksum that tells a damaged entry."""
        content = repr((key, self.state, self.taken, self.value, self.run))
        return hashlib.sha256(content.encode()).digest()

    @property
    def is_settled(self) -> bool:
        """True if a change after hashing shows in the files' times."""
        return all(int(t) + _SETTLED_NS < self.taken for f in self.state.split() for t in f.split(",")[1:3])


@dataclass(eq=False)
class InputHashes:
    """Hashes of a run's inputs, kept in a file between runs, in memory without one. For any number of threads.

    In one run files have one hash: where they hold other bytes later, a ChangedError says so. With `verify` nothing
    that was known before the run is trusted.
    """

    file: Path | None = None
    verify: bool = False
    _lock: Lock = field(default_factory=Lock, init=False)
    _run: str = field(default_factory=lambda: str(time.time_ns()), init=False)

    def of_sample(self, dataset: DataSet, sample: Sample) -> str:
        """Return the hash of a sample's image and mask, as `DecodedSample.sha256`; a SampleError if one is unreadable.

        A ChangedError where this run has read other bytes.
        """

        def compute() -> str:
            return " ".join(sample_sha256(dataset, sample))

        return self._value(sample_files(dataset, sample), compute).split()[0]

    def of_files(self, files: Iterable[Path]) -> str:
        """Return one hash of the content of these files, in this order, "" for none; an OSError if one is unreadable.

        A ChangedError where this run has read other bytes.
        """
        paths = tuple(files)

        def compute() -> str:
            digest = hashlib.sha256()
            for path in paths:
                digest.update(bytes.fromhex(sha256_of_file(path)))
            return digest.hexdigest()

        return self._value(paths, compute) if paths else ""

    def state(self, files: Iterable[Path]) -> State:
        """Return what the file system says of these files, to be taken before they are read; "" if one is not there."""
        try:
            return " ".join(_state(path) for path in files)
        except OSError:
            return ""

    def add_sample(self, dataset: DataSet, loaded: DecodedSample, before: State, taken: int) -> None:
        """Keep the hashes of a sample that was read; a ChangedError if this run has read other bytes.

        `before` is the state of its files before that, and `taken` when that was, in nanoseconds.
        """
        files = sample_files(dataset, loaded.sample)
        with self._lock:
            self._keep(files, _Entry(before, taken, f"{loaded.sha256} {loaded.image_sha256}", self._run))

    def flush(self) -> None:
        """Write what is new: a process that is killed loses what came after, and hashes it again."""
        with self._lock, suppress(sqlite3.Error):
            self._connection.commit()

    def close(self) -> None:
        """Write what is new, and close the file."""
        self.flush()
        with self._lock:
            self._connection.close()

    def _value(self, files: tuple[Path, ...], compute: Callable[[], str]) -> str:
        """Return what is known of the files if they have not changed since, else compute it."""
        taken, state = time.time_ns(), self.state(files)
        with self._lock:
            known = self._find(_key(files))
            trusted = known is not None and (known.run == self._run or not self.verify)
            if known is not None and trusted and state and known.state == state and known.is_settled:
                self._write(_key(files), _Entry(state, known.taken, known.value, self._run))
                return known.value
        value = compute()
        with self._lock:
            self._keep(files, _Entry(state, taken, value, self._run))
        return value

    def _keep(self, files: tuple[Path, ...], entry: _Entry) -> None:
        known = self._find(_key(files))
        if known is not None and known.run == self._run and known.value != entry.value:
            raise ChangedError(files)
        self._write(_key(files), entry)

    def _find(self, key: bytes) -> _Entry | None:
        """Return what is known of some files, or None. What cannot be read counts as not known."""
        with suppress(sqlite3.Error, TypeError, ValueError):
            query = "SELECT state, taken, value, run, seal FROM inputs WHERE key = ?"
            row = self._connection.execute(query, (key,)).fetchone()
            if row is not None:
                entry = _Entry(str(row[0]), int(row[1]), str(row[2]), str(row[3]))
                return entry if entry.seal(key) == row[4] else None
        return None

    def _write(self, key: bytes, entry: _Entry) -> None:
        row = (key, entry.state, entry.taken, entry.value, entry.run, entry.seal(key))
        try:
            self._connection.execute("INSERT OR REPLACE INTO inputs VALUES (?, ?, ?, ?, ?, ?)", row)
        except sqlite3.Error:  # a disk that is full, or a damaged file: the run goes on, and knows what it reads
            self.__dict__["_connection"] = _connect(None)
            self._connection.execute("INSERT OR REPLACE INTO inputs VALUES (?, ?, ?, ?, ?, ?)", row)

    @cached_property
    def _connection(self) -> sqlite3.Connection:
        try:
            return _connect(self.file)
        except (sqlite3.Error, OSError):
            pass
        with suppress(sqlite3.Error, OSError):  # damaged: begun anew
            if self.file is not None:
                self.file.unlink(missing_ok=True)
            return _connect(self.file)
        return _connect(None)


def sample_files(dataset: DataSet, sample: Sample) -> tuple[Path, ...]:
    """Return the files of a sample: its image, and its mask if it has one."""
    return tuple(dataset.root / path for path in (sample.image, sample.mask) if path is not None)


def _state(path: Path) -> str:
    facts = path.stat()
    return f"{facts.st_size},{facts.st_mtime_ns},{facts.st_ctime_ns},{facts.st_ino}"


def _key(files: tuple[Path, ...]) -> bytes:
    return hashlib.sha256(b"\0".join(os.fsencode(path.absolute()) for path in files)).digest()


def _connect(file: Path | None) -> sqlite3.Connection:
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(file or ":memory:", check_same_thread=False)
    try:
        with closing(connection.cursor()) as cursor:
            cursor.execute("PRAGMA synchronous = OFF")  # what a power cut leaves damaged is noticed, and hashed again
            cursor.execute(_TABLE)
            cursor.execute("SELECT key, state, taken, value, run, seal FROM inputs LIMIT 1").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection

"""The sha256 of every file that a run reads: content is what stored results are compared by.

A file is read again for its hash only where it may have changed: where its size, its inode or a time of change is
another one, or where it was changed so shortly before it was hashed that a further change would not show. What else is
derived from files, and costs time, is kept in the same way (`InputHashes.recall`).
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock
from typing import NamedTuple, TypeAlias

from reliseg.data import DataSet, DecodedSample, Sample, sample_sha256
from reliseg.errors import ReliSegError
from reliseg.remote import Place, RemoteFile
from reliseg.run.memory_file import MemoryFile, Table, unseal
from reliseg.runtime.regular_files import sha256_of_file

State: TypeAlias = str
"""What the file system says of some files: sizes, times and inodes; what a store says of those outside this machine."""
_Path: TypeAlias = str | RemoteFile

_SETTLED_NS = 2_000_000_000
"""How long before it is hashed a file must have been changed last: file systems keep times of up to 2 s."""
_ABSOLUTE = "/" if os.name == "posix" else "\0"
"""What paths begin with that need no further look; no path begins with NUL."""
_BATCH = 1000
"""So much that is new is written at once, if nobody asks for it before."""


class ChangedError(ReliSegError):
    """Files hold other bytes than this run has read in them before."""

    def __init__(self, files: Iterable[object]) -> None:
        super().__init__(
            f"{' or '.join(map(str, files))} changed while the run went on: a part of it has read other bytes; "
            "run again to evaluate what depends on it"
        )


class _Entry(NamedTuple):
    """What is known of some files."""

    state: State
    """That they were in when it was found out; "" if a change since might not show in their times."""
    value: str

    @classmethod
    def of(cls, state: State, taken: int, value: str) -> "_Entry":
        """Return what was found out of files that were in this state at `taken`, in nanoseconds, before that."""
        return cls(state if state and _last_change(state) + _SETTLED_NS < taken else "", value)

    def text(self) -> str:
        return f"{self.state}\n{self.value}"

    @classmethod
    def of_text(cls, text: str | None) -> "_Entry | None":
        if text is None:
            return None
        state, _, value = text.partition("\n")
        return cls(state, value)


@dataclass(eq=False)
class InputHashes:
    """Hashes of a run's inputs, kept in a file between runs, in memory without one. For any number of threads.

    In one run files have one hash: where they hold other bytes later, a ChangedError says so. With `verify` nothing
    that was known before the run is trusted.
    """

    file: Path | None = None
    verify: bool = False
    _lock: Lock = field(default_factory=Lock, init=False)
    _kept: MemoryFile = field(init=False)
    _before: dict[bytes, object] | None = field(default=None, init=False)
    """Of other runs, still sealed; read all at once, when it is needed first."""
    _known: dict[bytes, _Entry] = field(default_factory=dict, init=False)
    """What this run has read or compared."""
    _new: dict[Table, dict[bytes, str]] = field(default_factory=lambda: {"inputs": {}, "texts": {}}, init=False)
    """What is not written yet."""
    _own_texts: set[bytes] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        """Look at the file only when something is asked."""
        self._kept = MemoryFile(self.file)

    def of_sample(self, dataset: DataSet, sample: Sample) -> str:
        """Return the hash of a sample's files, as `DecodedSample.sha256`; a SampleError if one is unreadable.

        A ChangedError where this run has read other bytes.
        """

        def compute() -> str:
            return " ".join(sample_sha256(dataset, sample))

        return self._hash("sample", _sample_paths(dataset, sample), compute).partition(" ")[0]

    def of_samples(self, dataset: DataSet, samples: Sequence[Sample]) -> list[str]:
        """Return the hashes of samples, as `of_sample` of each: faster where none has changed since that was asked."""

        def compute(i: int) -> str:
            return " ".join(sample_sha256(dataset, samples[i]))

        found = self._hash_each("sample", [_sample_paths(dataset, sample) for sample in samples], compute)
        return [value.partition(" ")[0] for value in found]

    def of_image(self, dataset: DataSet, sample: Sample) -> str:
        """Return the hash of the image alone of a sample whose hash was asked for in this run."""
        with self._lock:
            known = self._known.get(_key("sample", _sample_paths(dataset, sample)))
        return known.value.partition(" ")[2] if known else ""

    def of_files(self, files: Iterable[Path]) -> str:
        """Return one hash of the content of these files, in this order, "" for none; an OSError if one is unreadable.

        A ChangedError where this run has read other bytes.
        """
        paths = tuple(map(str, files))
        return self._hash("files", paths, lambda: _sha256_of_files(paths)) if paths else ""

    def of_each(self, files: Sequence[Sequence[Path]]) -> list[str]:
        """Return the hashes of groups of files, none empty, as `of_files` of each: faster as `of_samples` is."""
        groups = [tuple(map(str, group)) for group in files]
        return self._hash_each("files", groups, lambda i: _sha256_of_files(groups[i]))

    def recall(self, kind: str, files: Iterable[Path | str], compute: Callable[[], str], about: str = "") -> str:
        """Return what `compute` made of these files when they were what they are now; else let it make it, and keep it.

        `kind`, the files in their order and `about` tell what is meant. A folder among the files stands for the list of
        names in it: name the folders of files if others may come beside them. What `compute` raises is passed on, and
        where a file is not there, nothing is kept.
        """
        paths = tuple(map(str, files))
        key, taken, state = _key(kind, paths, about), time.time_ns(), _state(paths)
        with self._lock:
            text = self._new["texts"].get(key)
            if text is None and (key in self._own_texts or not self.verify):
                text = unseal(key, self._kept.find("texts", key))
        known = _Entry.of_text(text)
        if known is not None and state and known.state == state:
            return known.value
        value = compute()
        with self._lock:
            entry = _Entry.of(state, taken, value)
            if entry.state:
                self._own_texts.add(key)
                self._write("texts", key, entry)
        return value

    def state(self, files: Iterable[Place]) -> State:
        """Return what the file system says of these files, to be taken before they are read; "" if one is not there."""
        return _state(str(file) if isinstance(file, Path) else file for file in files)

    def state_of_sample(self, dataset: DataSet, sample: Sample) -> State:
        """Return what the file system says of the files of a sample, as `state`."""
        return _state(_sample_paths(dataset, sample))

    def add_sample(self, dataset: DataSet, loaded: DecodedSample, before: State, taken: int) -> None:
        """Keep the hashes of a sample that was read; a ChangedError if this run has read other bytes.

        `before` is the state of its files before that, and `taken` when that was, in nanoseconds.
        """
        paths = _sample_paths(dataset, loaded.sample)
        with self._lock:
            self._keep("sample", paths, _Entry.of(before, taken, f"{loaded.sha256} {loaded.image_sha256}"))

    def flush(self) -> None:
        """Write what is new: a process that is killed loses what came after, and finds it out again."""
        with self._lock:
            self._flush()

    def close(self) -> None:
        """Write what is new, and close the file."""
        with self._lock:
            self._flush()
            self._kept.close()

    def _hash(self, kind: str, paths: tuple[_Path, ...], compute: Callable[[], str]) -> str:
        """Return what is known of the files if they have not changed since, else compute it."""
        key, taken, state = _key(kind, paths), time.time_ns(), _state(paths)
        with self._lock:
            known = self._find(key)
            if known is not None and state and known.state == state:
                self._known[key] = known
                if self._before is not None:
                    self._before.pop(key, None)  # held once
                return known.value
        value = compute()
        with self._lock:
            self._keep(kind, paths, _Entry.of(state, taken, value))
        return value

    def _hash_each(self, kind: str, groups: Sequence[tuple[_Path, ...]], compute: Callable[[int], str]) -> list[str]:
        """Return what is known of groups of files, as `_hash` of each, and keep it also as one text."""
        keys, taken, states = [_key(kind, g) for g in groups], time.time_ns(), [_state(g) for g in groups]
        key = hashlib.blake2b(b"".join((b"each", *keys)), digest_size=16).digest()
        whole = " ".join(states) if all(states) else ""
        state = hashlib.blake2b(whole.encode(), digest_size=16).hexdigest()
        with self._lock:
            text = None if self.verify else self._new["texts"].get(key) or unseal(key, self._kept.find("texts", key))
            entry = _Entry.of_text(text)
            values = entry.value.split("\n") if entry is not None and whole and entry.state == state else []
            before = [self._known.get(own) for own in keys] if values else []
            if values and all(b is None or b.value == v for b, v in zip(before, values, strict=True)):
                self._known.update(zip(keys, map(_Entry, states, values), strict=True))
                return values
        values = [self._hash(kind, group, partial(compute, i)) for i, group in enumerate(groups)]
        if _Entry.of(whole, taken, "").state:
            with self._lock:
                self._write("texts", key, _Entry(state, "\n".join(values)))
        return values

    def _find(self, key: bytes) -> _Entry | None:
        """Return what is known of some files, or None; of earlier runs only what may be trusted."""
        known = self._known.get(key)
        if known is not None or self.verify:
            return known
        if self._before is None:
            self._before = self._kept.rows("inputs")
        return _Entry.of_text(unseal(key, self._before.get(key)))

    def _keep(self, kind: str, paths: tuple[_Path, ...], entry: _Entry) -> None:
        key = _key(kind, paths)
        own = self._known.get(key)
        if own is not None and own.value != entry.value:
            raise ChangedError(paths)
        is_new = self._find(key) != entry
        self._known[key] = entry
        if is_new and entry.state:
            self._write("inputs", key, entry)

    def _write(self, table: Table, key: bytes, entry: _Entry) -> None:
        new = self._new[table]
        new[key] = entry.text()
        if len(new) % _BATCH == 0:
            self._flush()

    def _flush(self) -> None:
        """Write what is new. Where that fails the run goes on, and knows what it has read."""
        if any(self._new.values()) and self.file is not None:
            if self._kept.write(self._new):
                self._new["inputs"].clear()
            self._new["texts"].clear()  # they are long, and can be made again


def _sha256_of_files(paths: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(bytes.fromhex(sha256_of_file(Path(path))))
    return digest.hexdigest()


def sample_files(dataset: DataSet, sample: Sample) -> tuple[Place, ...]:
    """Return the files of a sample: its image, its mask if it has one, and what else is read of it."""
    return tuple(Path(path) if isinstance(path, str) else path for path in _sample_paths(dataset, sample))


def _sample_paths(dataset: DataSet, sample: Sample) -> tuple[_Path, ...]:
    return tuple([dataset.file(path) for path in sample.files])


def _state(paths: Iterable[_Path]) -> State:
    try:
        return " ".join([_state_of(os.stat(p)) if isinstance(p, str) else p.state() for p in paths])  # noqa: PTH116
    except (OSError, ValueError):  # the latter of a name that no file can have
        return ""


def _state_of(facts: os.stat_result) -> State:
    return f"{facts.st_size},{facts.st_mtime_ns},{facts.st_ctime_ns},{facts.st_ino}"


def _last_change(state: State) -> int:
    """Return the latest of the times in a state."""
    return max(int(time) for file in state.split(" ") for time in file.split(",")[1:3])


def _key(kind: str, paths: tuple[_Path, ...], about: str = "") -> bytes:
    here = [path if isinstance(path, str) and path.startswith(_ABSOLUTE) else _name(path) for path in paths]
    content = "\0".join((kind, *here, "", about)).encode(errors="surrogatepass")
    return hashlib.blake2b(content, digest_size=16).digest()


def _name(path: _Path) -> str:
    if not isinstance(path, str):
        return str(path)
    return path if os.path.isabs(path) else os.path.abspath(path)  # noqa: PTH100, PTH117 - as above

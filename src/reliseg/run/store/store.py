"""The pieces of a run's folder: found by what determines them, written, joined, removed."""

import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial, reduce
from itertools import groupby, islice
from operator import add
from pathlib import Path
from typing import Any, NamedTuple, NewType

from pydantic import ValidationError

from reliseg.run.depot.base import Depot, LocalDepot
from reliseg.run.hashes import InputHashes, State
from reliseg.run.store.cover import Cover, Piece, same_parts
from reliseg.run.store.piece_files import (
    FORMAT,
    Observed,
    PieceHead,
    StoredHead,
    format_of,
    load_piece,
    lost_piece_error,
    read_unchanged,
    save_piece,
    verify_piece,
)
from reliseg.runtime.atomic_files import write_text
from reliseg.runtime.checked import checker
from reliseg.runtime.regular_files import read_regular

Place = NewType("Place", str)
"""Where pieces lie that add up: a digest of what determines them and is known before any image is read."""

FAILURES_FILE = "failures.json"

_DIGITS = 32
_LARGEST = 1 << 26
_LOOKED_AT = 16
"""So many files tell if all are of another version."""
_YOUNG = 128
"""So many heads of files are held, of which the memory may not know yet."""


class Places:
    """The places of all shards that have their parts and their calibration in common."""

    def __init__(self, parts: Mapping[str, str], calibration: str) -> None:
        common = json.dumps([FORMAT, sorted(parts.items()), calibration])
        self._common = hashlib.sha256(f"{common[:-1]}, ".encode())  # of many shards, digested once

    def of(self, ids: bytes) -> Place:
        """Return the place of the pieces of a shard, by the ids of all its samples, sorted, as JSON."""
        digest = self._common.copy()
        digest.update(ids + b"]")
        return Place(digest.hexdigest()[:_DIGITS])


def place_of(parts: Mapping[str, str], calibration: str, ids: Iterable[str]) -> Place:
    """Return the place of a shard's pieces: of its parts, its calibration and the ids of all its samples."""
    return Places(parts, calibration).of(json.dumps(sorted(ids)).encode())


class StoredShard(NamedTuple):
    """What is stored of a shard."""

    is_complete: bool
    files: tuple[str, ...]
    """Those that are used, from the folder of statistics."""


def file_name(stored: StoredHead) -> str:
    """Return what the file of a piece is called: a digest of all that determines its numbers."""
    return f"{_digest(_identity(stored))}.zip"


@dataclass(frozen=True, eq=False)
class Store:
    """The folder of statistics. Any number of processes may work there: files are named by content, and are whole."""

    folder: Path
    memory: InputHashes
    """Knows the heads of files that were looked at before, and have not changed since."""
    depot: Depot = field(default_factory=LocalDepot)
    """Where others find them."""
    _young: dict[Path, tuple[State, StoredHead]] = field(default_factory=dict, init=False, repr=False)
    """Heads of files that are too young for the memory, the last ones that were looked at."""
    _own: dict[Path, State] = field(default_factory=dict, init=False, repr=False)
    """What this process has written: its statistics agree, as they were counted together."""

    def gather(self, places: Iterable[Place]) -> None:
        """Have the pieces of these places here: faster than one place after the other."""
        self.depot.fetch(*map(self._folder, places))

    def pieces(self, place: Place) -> tuple[list[Piece], list[Path]]:
        """Return the pieces of a place, and files there that are not whole."""
        self.depot.fetch(self._folder(place))
        found, broken = [], []
        for path in self._files(place):
            stored = self._head(path)
            if stored is None:
                broken.append(path)
            else:
                found.append(Piece(path, stored))
        return found, broken

    def shard(self, place: Place, look: Callable[[], Cover], asked: Callable[[], str]) -> StoredShard:
        """Return what is stored of a shard, as `look` finds it.

        That a shard is complete is remembered: it stays so while the same files lie there unchanged, and the same is
        asked. `asked` tells all that decides it beside place and files: the bytes of samples, what is to be counted;
        nothing is remembered where it tells nothing.
        """
        if self.depot.is_elsewhere:
            self.depot.fetch(self._folder(place))
        folder = f"{place[:2]}/{place}"
        files = [f"{self.folder}/{folder}/{name}" for name in self._names(place)]
        found: Cover | None = None

        def compute() -> str:
            nonlocal found
            found = look()
            names = [piece.path.name for piece in found.pieces()]
            if found.missing or not {f"{self.folder}/{folder}/{name}" for name in names} <= set(files):
                raise _NotWholeError
            return "\n".join(names)

        if files and (about := asked()):
            with suppress(_NotWholeError):
                names = self.memory.recall("shard", files, compute, about).split("\n")
                return StoredShard(True, tuple([f"{folder}/{name}" for name in names]))
        found = found or look()
        return StoredShard(not found.missing, tuple(f"{folder}/{piece.path.name}" for piece in found.pieces()))

    def shards(
        self, places: Sequence[Place], look: Callable[[int], Cover], asked: Callable[[int], str]
    ) -> list[StoredShard]:
        """Return what is stored of shards, as `shard` of each; that all are complete is remembered at once."""
        found: list[StoredShard] = []

        def compute() -> str:
            found.extend(self.shard(p, partial(look, i), partial(asked, i)) for i, p in enumerate(places))
            used = [file for of in found for file in of.files]
            if not all(of.is_complete for of in found) or not {f"{self.folder}/{file}" for file in used} <= set(files):
                raise _NotWholeError
            return "\n".join(used)

        names = [] if self.depot.is_elsewhere else [self._names(place) for place in places]
        files = [f"{self.folder}/{p[:2]}/{p}/{name}" for p, own in zip(places, names) for name in own]  # noqa: B905
        with suppress(_NotWholeError):
            if names and all(names) and all(about := [asked(i) for i in range(len(places))]):
                used = self.memory.recall("shards", files, compute, "\n".join(about)).split("\n")
                by_place = {place: tuple(group) for place, group in groupby(used, lambda file: file.split("/")[1])}
                return [StoredShard(True, by_place[place]) for place in places]
            compute()
        return found

    def of_another_version(self) -> str:
        """Return that all that lies here is of another version; nothing where some is of this one."""
        looked_at = (format_of(path) for path in islice(self.folder.glob("??/*/*.zip"), _LOOKED_AT))
        formats = {found for found in looked_at if found is not None}
        if not formats or FORMAT in formats:
            return ""
        return f"what lies here is of another version of reliseg (format {min(formats)}, this one has {FORMAT})"

    def save(self, place: Place, head: PieceHead, observed: Observed) -> Piece:
        """Write a piece."""
        stored = StoredHead(head, observed.layout)
        path = self._folder(place) / file_name(stored)
        save_piece(path, head, observed)
        self._own[path] = self.memory.state((path,))
        self.depot.put(path)
        return Piece(path, stored)

    def join(self, place: Place, pieces: Collection[Piece]) -> None:
        """Put pieces of the same statistics and of different samples into one; then remove what that holds."""
        are_apart = sum(len(piece.samples) for piece in pieces) == len({i for piece in pieces for i in piece.samples})
        if len(pieces) < 2 or not are_apart or not same_parts(pieces):
            return
        heads = [piece.stored.head for piece in pieces]
        head = replace(
            heads[0],
            hashes={i: digest for h in heads for i, digest in h.hashes.items()},
            predictions={i: digest for h in heads for i, digest in h.predictions.items()},
        )
        try:
            observed = reduce(add, (_load(piece.path) for piece in pieces))
        except FileNotFoundError:  # another process that does the same part was faster
            return
        whole = self.save(place, head, observed)
        self.depot.remove(*({piece.path for piece in pieces} - {whole.path}))

    def note_failures(self, place: Place, failures: Mapping[str, str]) -> None:
        """Keep why samples of a shard could not be evaluated; none where they can."""
        path = self.failures_file(place)
        if failures:
            write_text(path, json.dumps(failures, indent=1))
            self.depot.put(path)
        elif path.exists():
            self.depot.remove(path)

    def failures(self, place: Place) -> dict[str, str]:
        """Return why samples of a shard could not be evaluated when that was last tried."""
        try:
            content: Any = json.loads(read_regular(self.failures_file(place), _LARGEST))
        except (OSError, ValueError, RecursionError):
            return {}
        return {str(i): str(why) for i, why in content.items()} if isinstance(content, dict) else {}

    def failures_file(self, place: Place) -> Path:
        """Return where it is kept why samples of a shard could not be evaluated."""
        return self._folder(place) / FAILURES_FILE

    def _files(self, place: Place) -> list[Path]:
        return [self._folder(place) / name for name in self._names(place)]

    def _names(self, place: Place) -> list[str]:
        """Return the names of the pieces of a place, sorted."""
        try:
            names = os.listdir(f"{self.folder}/{place[:2]}/{place}")  # noqa: PTH208 - there may be many places
        except OSError:
            return []
        return sorted(name for name in names if name.endswith(".zip"))

    def _folder(self, place: Place) -> Path:
        return self.folder / place[:2] / place

    def _head(self, path: Path) -> StoredHead | None:
        """Return the head of a piece that is whole, from memory where its file has not changed since it was.

        What this process has just looked at is not looked at again: its sums are checked whenever it is loaded. Of what
        it has written only the sums are checked.
        """

        def compute() -> str:
            stored = read_unchanged(path) if self._own.get(path) == state else verify_piece(path)
            if stored is None:
                raise _NotWholeError
            return json.dumps(asdict(stored))

        state = self.memory.state((path,))
        before, head = self._young.get(path, ("", None))
        if state and before == state:
            return head
        try:
            head = checker(StoredHead).validate_json(self.memory.recall("piece", (path,), compute))
        except (_NotWholeError, OSError, ValidationError):
            return None
        self._young.pop(path, None)
        self._young[path] = state, head
        if len(self._young) > _YOUNG:
            del self._young[next(iter(self._young))]
        return head


class _NotWholeError(Exception):
    """Leaves a computation whose result must not be kept."""


def _load(path: Path) -> Observed:
    stored = load_piece(path)
    if stored is None:
        raise lost_piece_error(path)
    return stored.observed


def _identity(stored: StoredHead) -> list[Any]:
    head, layout = stored.head, stored.layout
    return [
        [FORMAT, sorted(head.parts.items()), head.calibration],
        [sorted(head.hashes.items()), sorted(head.predictions.items())],
        [layout.classes, sorted(layout.scores), layout.extras, sorted(head.codes.items())],
    ]


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:_DIGITS]

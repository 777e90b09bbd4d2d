"""Statistics on disk: atomic, checksummed files, each of some samples of a shard under one calibration."""

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from reliseg.run.store.frames import most_packed, pack, unpack
from reliseg.run.store.sparse_arrays import entries, of_cells, planes_of, to_sparse
from reliseg.run.store.zip_members import UNREADABLE, check_end, read_member
from reliseg.runtime.atomic_files import write_atomically
from reliseg.runtime.regular_files import open_regular
from reliseg.stats import Layout, PixelStatistics, SampleTable
from reliseg.stats.consistency import (
    StoredCounts,
    contradictions,
    contradictions_of_scores,
    shapes_of_pixels,
    shapes_of_samples,
)
from reliseg.stats.filled.bins import FilledBins, FilledHistograms

FORMAT = 12
"""Of files of statistics: others are not read."""
_HEAD = "head.json"
_PACKED = ".zst"
_ROWS = "samples."
_RANKS = "ranks."
_LARGEST_HEAD = 1 << 26


@dataclass(frozen=True)
class Observed:
    """The statistics of some samples under one calibration."""

    pixels: PixelStatistics
    samples: SampleTable

    @property
    def layout(self) -> Layout:
        """What is counted."""
        samples = self.samples
        return Layout(
            len(self.pixels.top.counts),
            tuple(self.pixels.ranks),
            classwise=self.pixels.classwise is not None,
            by_label=samples.label_coarse.shape[1] > 0,
            sets=samples.set_labels.shape[1] > 0,
        )

    def __add__(self, other: "Observed") -> "Observed":
        return Observed(self.pixels + other.pixels, SampleTable.union([self.samples, other.samples]))


@dataclass(frozen=True)
class PieceHead:
    """What is known of a piece beside its statistics: all that determined them, part by part."""

    hashes: Mapping[str, str]
    """The sha256 of image and mask, by sample."""
    predictions: Mapping[str, str]
    """The hashes of the files that predictions were read from, by sample."""
    parts: Mapping[str, str]
    """What it was computed from, part by part: see `reliseg.run.predict.identity`."""
    calibration: str
    """The identity of the calibration."""
    codes: Mapping[str, str] = field(default_factory=dict)
    """The sha256 of the code of scores that other packages bring, by score."""
    made: Mapping[str, str] = field(default_factory=dict)
    """Processor, kernel and versions: no part of its identity."""
    named: Mapping[str, str] = field(default_factory=dict)
    """What model, domain and calibration were called: no part of its identity either."""


@dataclass(frozen=True)
class StoredHead:
    """The head of a piece that was read, and what it counts."""

    head: PieceHead
    layout: Layout


@dataclass(frozen=True)
class StoredPiece(StoredHead):
    """A piece as it was read."""

    observed: Observed


_Digest: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Head(BaseModel):
    """The member `head.json`, the last one. Its own sha256 is the comment of the zip file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    format: Annotated[int, Field(ge=FORMAT, le=FORMAT)]
    classes: Annotated[int, Field(ge=1, le=254)]
    scores: tuple[str, ...]
    extras: tuple[Literal["classwise", "by_label", "sets"], ...]
    """What is counted beside what always is."""
    hashes: dict[str, str]
    predictions: dict[str, str]
    parts: dict[str, str]
    calibration: str
    codes: dict[str, str]
    made: dict[str, str]
    named: dict[str, str]
    body: _Digest
    """The sha256 of all that comes before this member in the file."""

    @property
    def layout(self) -> Layout:
        """What the piece counts."""
        return Layout(self.classes, self.scores).with_extras(self.extras)

    @property
    def samples(self) -> tuple[str, ...]:
        """The ids of the rows."""
        return tuple(sorted(self.hashes))

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each array, by the name of its member."""
        of_pixels, of_samples = shapes_of_pixels(self.layout), shapes_of_samples(self.layout, len(self.hashes))
        return dict(of_pixels) | {f"{_ROWS}{name}": shape for name, shape in of_samples.items()}

    def public(self) -> StoredHead:
        """Return what is known of the piece beside its statistics."""
        names = (f.name for f in fields(PieceHead))
        return StoredHead(PieceHead(**{name: getattr(self, name) for name in names}), self.layout)


def save_piece(path: Path, head: PieceHead, observed: Observed) -> None:
    """Store a piece: sparse arrays in a zip file, the sha256 of these in its head, and that of the head at the end.

    Each array is a frame of Zstandard. The head is deflated, as in earlier formats: it says which one this is.
    """
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, content in _members(observed):
            archive.writestr(zipfile.ZipInfo(name + _PACKED), pack(content))
        layout = observed.layout
        counted = {"classes": layout.classes, "scores": layout.scores, "extras": layout.extras}
        facts = {"format": FORMAT, **counted, **vars(head), "body": _sha256(whole.getbuffer())}
        described = json.dumps(facts).encode()
        archive.writestr(zipfile.ZipInfo(_HEAD), described, zipfile.ZIP_DEFLATED, 1)
        archive.comment = _sha256(described).encode()
    write_atomically(path, lambda file: file.write(whole.getbuffer()))


def _sha256(content: bytes | memoryview) -> str:
    return hashlib.sha256(content).hexdigest()


def _members(observed: Observed) -> Iterator[tuple[str, bytes]]:
    """Yield all arrays by name, as they are stored: ranks are converted only when they are written."""
    ranks = observed.pixels.ranks
    for name, array in replace(observed.pixels, ranks={}).items():
        yield name, to_sparse(array)
    for score in ranks:
        filled = ranks.filled(score) if isinstance(ranks, FilledHistograms) else FilledBins.of(ranks[score])
        yield f"{_RANKS}{score}.counts", of_cells(*filled.cells())
    for name, array in observed.samples.arrays().items():
        yield f"{_ROWS}{name}", to_sparse(array)


def load_piece(path: Path, *, ranks: bool = True) -> StoredPiece | None:
    """Return the stored piece, with the fine histograms of scores or without.

    None where there is none, or none that is whole: what is read agrees in itself.
    """
    try:
        with open_piece(path) as piece:
            stored = piece.head.public()
            return StoredPiece(stored.head, stored.layout, piece.observed(ranks=ranks))
    except UNREADABLE:
        return None


def verify_piece(path: Path) -> StoredHead | None:
    """Return what is known of a stored piece, after looking at everything in it; None as of `load_piece`."""
    try:
        with open_piece(path) as piece:
            piece.check()
            return piece.head.public()
    except UNREADABLE:
        return None


def read_head(path: Path) -> StoredHead | None:
    """Return what a stored piece says of itself, without looking at its statistics; None as of `load_piece`."""
    try:
        with open_piece(path) as piece:
            return piece.head.public()
    except UNREADABLE:
        return None


def read_unchanged(path: Path) -> StoredHead | None:
    """Return what is known of a stored piece, if all in it is as it was written; None as of `load_piece`.

    Whether its statistics agree in themselves is not looked at: a tenth of the time of `verify_piece`.
    """
    try:
        with open_piece(path) as piece:
            piece.check_sums()
            return piece.head.public()
    except UNREADABLE:
        return None


def format_of(path: Path) -> int | None:
    """Return the format of a file of statistics, also of another one than this version reads; None of what is none."""
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            found = json.loads(read_member(file, archive.getinfo(_HEAD), _LARGEST_HEAD))["format"]
    except (*UNREADABLE, TypeError, RecursionError):
        return None
    return found if type(found) is int else None


@dataclass(frozen=True, eq=False)
class OpenPiece:
    """An open zip file, with no other members than those that its head names, and none larger than it can be."""

    file: BinaryIO
    members: Mapping[str, zipfile.ZipInfo]
    head: _Head
    shapes: Mapping[str, tuple[int, ...]]

    @classmethod
    def of(cls, file: BinaryIO) -> "OpenPiece":
        """Read the head. A ValueError where it does not fit the file or itself."""
        check_end(file)
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
        by_name = {info.filename: info for info in members}
        content = read_member(file, by_name[_HEAD], _LARGEST_HEAD)
        if _sha256(content).encode() != archive.comment:
            raise ValueError("another head")
        head = _Head.model_validate_json(content)
        shapes = head.shapes()
        if len(by_name) != len(members) or by_name.keys() != {*(name + _PACKED for name in shapes), _HEAD}:
            raise ValueError("other members")
        if not head.predictions.keys() <= head.hashes.keys():
            raise ValueError("other samples")
        return cls(file, by_name, head, shapes)

    def read(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the nonzero places and values of a member. A ValueError where they are not what the head says."""
        cells = math.prod(self.shapes[name])
        return entries(self._content(name), cells)

    def check_sums(self) -> None:
        """Raise a ValueError where a member is not what the head says."""
        for name in self.shapes:
            self._content(name)

    @cached_property
    def _body(self) -> BinaryIO:
        """All before the head, which names its digest."""
        self.file.seek(0)
        body = self.file.read(self.members[_HEAD].header_offset)
        if _sha256(body) != self.head.body:
            raise ValueError("other statistics")
        return io.BytesIO(body)

    def _content(self, name: str) -> bytes:
        most = 2 + 16 * math.prod(self.shapes[name])
        return unpack(read_member(self._body, self.members[name + _PACKED], most_packed(most)), most)

    def dense(self, name: str) -> np.ndarray:
        """Return the array of a member."""
        array = np.zeros(self.shapes[name], np.int64)
        self.add_to(array, name)
        return array

    def add_to(self, array: np.ndarray, name: str) -> int:
        """Add a member to an array of its shape; return its least value, or 0. A ValueError as of `read`."""
        from reliseg.stats.filled.sparse import add_entries  # numba is slow to import

        if self.shapes[name] != array.shape:
            raise ValueError("an array of another shape")
        planes, steps = planes_of(self._content(name))
        is_whole, least = add_entries(planes, steps, array.ravel())
        if not is_whole:
            raise ValueError("places are not in order")
        return int(least)

    def observed(self, *, ranks: bool) -> Observed:
        """Return the statistics, with `ranks` or without. A ValueError where they contradict."""
        keys = [key for key in self.shapes if not key.startswith(_ROWS) and (ranks or not key.startswith(_RANKS))]
        pixels = PixelStatistics.from_arrays({key: self.dense(key) for key in keys})
        observed = Observed(pixels, self.samples())
        _refuse(contradictions(pixels, observed.samples))
        return observed

    def samples(self) -> SampleTable:
        """Return the rows of its samples; whether they contradict was looked at when the piece was verified."""
        keys = [key for key in self.shapes if key.startswith(_ROWS)]
        return SampleTable.from_arrays(self.head.samples, {key.removeprefix(_ROWS): self.dense(key) for key in keys})

    def check(self) -> None:
        """Raise a ValueError where the statistics contradict; one histogram at a time is in memory."""
        observed = self.observed(ranks=False)
        names = ((score, f"ranks.{score}.counts") for score in self.head.scores)
        scores = (StoredCounts(score, *self.read(name)) for score, name in names)
        _refuse(contradictions_of_scores(observed.pixels, observed.samples, scores))


def _refuse(problems: Iterator[str]) -> None:
    for problem in problems:
        raise ValueError(problem)


@contextmanager
def open_piece(path: Path) -> Iterator[OpenPiece]:
    """Open a piece. One of `UNREADABLE` where it is not there, or not whole."""
    with open_regular(path) as file:
        yield OpenPiece.of(file)


def lost_piece_error(path: Path) -> FileNotFoundError:
    """Return the error of a piece that was there before."""
    return FileNotFoundError(f"{path} is gone or broken since it was written")

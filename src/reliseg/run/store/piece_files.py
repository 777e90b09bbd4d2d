"""Statistics on disk: atomic, checksummed files, each of some samples of a shard under one calibration."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from reliseg.run.store.frames import most_packed, pack, unpack
from reliseg.run.store.parts import COARSE, SAMPLES, Part, around_coarse, parts_of, ranks_of
from reliseg.run.store.sparse_arrays import entries, of_cells, to_sparse
from reliseg.run.store.zip_members import UNREADABLE, check_end, read_member, stored_member
from reliseg.runtime.atomic_files import write_atomically
from reliseg.runtime.regular_files import open_regular
from reliseg.stats import Layout, PixelStatistics, SampleTable
from reliseg.stats.bins import COARSE_BINS, ROLES
from reliseg.stats.consistency import StoredCounts, contradictions, contradictions_of_scores
from reliseg.stats.filled.bins import FilledBins, FilledHistograms
from reliseg.stats.pixels import ScoreHistogram
from reliseg.types import Int, UInt8

if TYPE_CHECKING:
    from reliseg.stats.filled.sparse import CoarseRows

FORMAT = 14
"""Of files of statistics: others are not read."""
_HEAD = "head.json"
_PACKED = ".zst"
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

    def public(self) -> StoredHead:
        """Return what is known of the piece beside its statistics."""
        names = (f.name for f in fields(PieceHead))
        return StoredHead(PieceHead(**{name: getattr(self, name) for name in names}), self.layout)


def save_piece(path: Path, head: PieceHead, observed: Observed) -> None:
    """Store a piece: sparse arrays in a zip file, the sha256 of these in its head, and that of the head at the end.

    Each part is a frame of Zstandard. The head is deflated, as in earlier formats: it says which one this is.
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
    """Yield all parts by name, as they are stored: ranks are converted only when they are written."""
    pixels, samples = observed.pixels, observed.samples
    arrays = replace(pixels, ranks={}).arrays() | samples.arrays()
    scores = {ranks_of(score): score for score in pixels.ranks}
    for name, part in parts_of(observed.layout, len(samples.ids)).items():
        if name in scores:
            yield name, of_cells(*_filled(pixels.ranks, scores[name]).cells())
        else:
            yield name, b"".join(map(to_sparse, part.stored(arrays)))


def _filled(ranks: Mapping[str, ScoreHistogram], score: str) -> FilledBins:
    return ranks.filled(score) if isinstance(ranks, FilledHistograms) else FilledBins.of(ranks[score])


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
    parts: Mapping[str, Part]

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
        parts = parts_of(head.layout, len(head.hashes))
        if len(by_name) != len(members) or by_name.keys() != {*(name + _PACKED for name in parts), _HEAD}:
            raise ValueError("other members")
        if not head.predictions.keys() <= head.hashes.keys():
            raise ValueError("other samples")
        return cls(file, by_name, head, parts)

    def read(self, name: str) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the nonzero places and values of a part's arrays. A ValueError where the head says something else."""
        return entries(self._content(name), self.parts[name].cells.tolist())

    def check_sums(self) -> None:
        """Raise a ValueError where a part is not what the head says."""
        for name in self.parts:
            self._content(name)

    @cached_property
    def _body(self) -> memoryview:
        """All before the head, which names its digest."""
        self.file.seek(0)
        body = memoryview(self.file.read(self.members[_HEAD].header_offset))
        if _sha256(body) != self.head.body:
            raise ValueError("other statistics")
        return body

    def _content(self, name: str) -> bytes:
        most = self.parts[name].most_bytes
        return unpack(stored_member(self._body, self.members[name + _PACKED], most_packed(most)), most)

    def add_to(self, flat: Int[np.ndarray, " c"], name: str) -> bool:
        """Add a part to a flat array of its size; return whether a value is negative. A ValueError as of `read`."""
        return _add(np.frombuffer(self._content(name), np.uint8), self.parts[name], flat)

    def _arrays(self, name: str) -> dict[str, np.ndarray]:
        """Return the arrays of a part."""
        return _arrays(np.frombuffer(self._content(name), np.uint8), self.parts[name])

    def observed(self, *, ranks: bool) -> Observed:
        """Return the statistics, with `ranks` or without. A ValueError where they contradict."""
        left_out = {SAMPLES, *(() if ranks else map(ranks_of, self.head.scores))}
        of_pixels = [self._arrays(name) for name in self.parts if name not in left_out]
        pixels = PixelStatistics.from_arrays({key: array for arrays in of_pixels for key, array in arrays.items()})
        observed = Observed(pixels, self.samples())
        _refuse(contradictions(pixels, observed.samples))
        return observed

    def samples(self) -> SampleTable:
        """Return the rows of its samples; whether they contradict was looked at when the piece was verified."""
        return SampleTable.from_arrays(self.head.samples, self._arrays(SAMPLES))

    def rows(self) -> "PieceRows":
        """Return the rows of its samples, as `samples` does; a table of the coarse bins of scores is never made.

        Such a table has most of all cells, and nearly all are empty.
        """
        from reliseg.stats.filled.sparse import CoarseRows, end_of_arrays  # numba is slow to import

        head, content = self.head, np.frombuffer(self._content(SAMPLES), np.uint8)
        images = len(head.hashes)
        before, after = around_coarse(head.layout, images)
        start = end_of_arrays(content, 0, len(before.cells))
        end = end_of_arrays(content, start, 1)
        if end < 0:
            raise ValueError("an array is cut off")
        arrays = _arrays(content[:start], before) | _arrays(content[end:], after)
        arrays[COARSE] = np.zeros((images, 0, ROLES, COARSE_BINS), np.int64)
        coarse = CoarseRows.of(content[start:end], images, len(head.scores))
        return PieceRows(SampleTable.from_arrays(head.samples, arrays), coarse)

    def check(self) -> None:
        """Raise a ValueError where the statistics contradict; one histogram at a time is in memory."""
        observed = self.observed(ranks=False)
        scores = (StoredCounts(score, *self.read(ranks_of(score))[0]) for score in self.head.scores)
        _refuse(contradictions_of_scores(observed.pixels, observed.samples, scores))


@dataclass(frozen=True, eq=False)
class PieceRows:
    """The rows of the samples of a piece."""

    table: SampleTable
    """All but the coarse bins of scores: here it has no scores."""
    coarse: "CoarseRows"


def _add(content: UInt8[np.ndarray, " b"], part: Part, flat: Int[np.ndarray, " c"]) -> bool:
    from reliseg.stats.filled.sparse import add_arrays  # numba is slow to import

    is_whole, any_below = add_arrays(content, part.cells, flat)
    if not is_whole:
        raise ValueError("places are not in order, or are others")
    return bool(any_below)


def _arrays(content: UInt8[np.ndarray, " b"], part: Part) -> dict[str, np.ndarray]:
    flat = part.zeros()
    _add(content, part, flat)
    return part.arrays(flat)


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

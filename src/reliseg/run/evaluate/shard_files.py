"""Statistics on disk: atomic, checksummed files, one per shard."""

import json
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from reliseg.runtime.atomic_files import write_atomically
from reliseg.stats import PixelStatistics, SampleTable
from reliseg.stats.pixels import ScoreHistogram

_FORMAT = 6
_UNREADABLE = (OSError, zipfile.BadZipFile, zlib.error, KeyError, ValueError, IndexError, EOFError)
"""What reading a missing or damaged shard raises."""


@dataclass(frozen=True)
class Observed:
    """The statistics of some samples under one calibration."""

    pixels: PixelStatistics
    samples: SampleTable

    def __add__(self, other: "Observed") -> "Observed":
        return Observed(self.pixels + other.pixels, SampleTable.union([self.samples, other.samples]))


@dataclass(frozen=True)
class ShardHead:
    """What is known of a shard beside its statistics: hashes of its finished samples, and failures.

    A shard with failures is kept; the next run evaluates only what failed.
    """

    hashes: Mapping[str, str]
    predictions: Mapping[str, str]
    """The hashes of the files that predictions were read from, by sample."""
    failures: Mapping[str, str]
    parts: Mapping[str, str]
    """What it was computed from, part by part: see `reliseg.run.predict.identity`."""
    calibrations: Mapping[str, str]
    """The fingerprints of the calibrations that are stored."""


@dataclass(frozen=True)
class StoredShard:
    """A shard as it was read: statistics of those calibrations that were asked for."""

    head: ShardHead
    observed: Mapping[str, Observed]


def save_shard(path: Path, head: ShardHead, observed: Iterable[tuple[str, Observed]]) -> None:
    """Store a shard: sparse arrays in a zip file, whose members carry checksums.

    Of what is observed, by calibration, one is in memory at a time if it comes from a generator.
    """

    def write(file: BinaryIO) -> None:
        shapes, samples = {}, {}
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for calibration, statistics in observed:
                samples[calibration] = list(statistics.samples.ids)
                for name, array in _members(calibration, statistics):
                    archive.writestr(name, _sparse(array))
                    shapes[name] = array.shape
            content = {"format": _FORMAT, **asdict(head), "samples": samples, "shapes": shapes}
            archive.writestr("head.json", json.dumps(content))

    write_atomically(path, write)


def _members(calibration: str, observed: Observed) -> Iterator[tuple[str, np.ndarray]]:
    """Yield all arrays by name: ranks are converted only when they are written."""
    for name, array in observed.pixels.items():
        yield f"{calibration}/{name}", array
    for name, array in observed.samples.arrays().items():
        yield f"{calibration}/samples.{name}", array


def load_shard(path: Path, calibrations: Collection[str] | None = None, *, ranks: bool = True) -> StoredShard | None:
    """Return the stored shard with the statistics of these calibrations (all by default), with `ranks` or without.

    None where there is none, or none that is whole.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            head = json.loads(archive.read("head.json"))
            if head["format"] != _FORMAT:
                return None
            known = ShardHead(**{f.name: head[f.name] for f in fields(ShardHead)})
            names = [c for c in known.calibrations if calibrations is None or c in calibrations]
            observed = {name: _read_observed(archive, head, name, ranks) for name in names}
    except _UNREADABLE:
        return None
    return StoredShard(known, observed)


@dataclass(frozen=True, eq=False)
class StoredScoreHistograms(Mapping[str, ScoreHistogram]):
    """The fine histograms of one calibration over some shards, by score, added up when they are first asked for.

    They are most of what a domain's statistics hold: metrics look at one score after the other, and only that is in
    memory; what was added up before is kept in no more bytes a bin than the largest count needs.
    """

    shards: Sequence[Path]
    calibration: str
    scores: tuple[str, ...]
    _sums: dict[str, np.ndarray] = field(default_factory=dict, init=False)

    def __getitem__(self, score: str) -> ScoreHistogram:
        """Return the sum over all shards; a FileNotFoundError that names one that is gone or broken."""
        if score not in self.scores:
            raise KeyError(score)
        if score in self._sums:
            return ScoreHistogram(self._sums[score].astype(np.int64))
        total = self._sum(score)
        self._sums[score] = total.counts.astype(np.min_scalar_type(total.counts.max()))
        return total

    def _sum(self, score: str) -> ScoreHistogram:
        total = ScoreHistogram.zero_of(score)
        counts = total.counts.ravel()
        name = f"{self.calibration}/ranks.{score}.counts"
        for path in self.shards:
            try:
                with zipfile.ZipFile(path) as archive:
                    places, values = _entries(archive.read(name))
            except _UNREADABLE as error:
                raise lost_shard_error(path) from error
            counts[places] += values
        return total

    def __iter__(self) -> Iterator[str]:
        return iter(self.scores)

    def __len__(self) -> int:
        return len(self.scores)


def lost_shard_error(path: Path) -> FileNotFoundError:
    """Return the error of a shard that was there before."""
    return FileNotFoundError(f"{path} is gone or broken since it was written")


def load_head(path: Path) -> ShardHead | None:
    """Return the hashes, failures and calibrations of a stored shard, after comparing all its checksums."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                return None
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError):
        return None
    stored = load_shard(path, ())
    return None if stored is None else stored.head


def _read_observed(archive: zipfile.ZipFile, head: Mapping[str, Any], calibration: str, ranks: bool) -> Observed:
    prefix, rows = f"{calibration}/", "samples."
    members = {name.removeprefix(prefix): name for name in head["shapes"] if name.startswith(prefix)}
    members = {key: name for key, name in members.items() if ranks or not key.startswith("ranks.")}
    arrays = {key: _dense(archive.read(name), head["shapes"][name]) for key, name in members.items()}
    table = {key.removeprefix(rows): array for key, array in arrays.items() if key.startswith(rows)}
    pixels = {key: array for key, array in arrays.items() if not key.startswith(rows)}
    samples = SampleTable.from_arrays(head["samples"][calibration], table)
    return Observed(PixelStatistics.from_arrays(pixels), samples)


def _sparse(array: np.ndarray) -> bytes:
    """Return the nonzero places (as steps) and values of an int64 array, after the bytes that each kind needs.

    All lowest bytes come first, then all second ones, ...: this compresses a third better than number after number.
    """
    places = np.flatnonzero(array)
    kinds = np.diff(places, prepend=0), array.ravel()[places]
    widths = [_width(numbers) for numbers in kinds]
    planes = [n.astype("<i8").view(np.uint8).reshape(-1, 8)[:, :w].T for n, w in zip(kinds, widths, strict=True)]
    return bytes(widths) + b"".join(plane.tobytes() for plane in planes)


def _width(numbers: np.ndarray) -> int:
    """Return how many bytes hold each of these int64; all eight where one is negative."""
    low, high = int(numbers.min(initial=0)), int(numbers.max(initial=0))
    return 8 if low < 0 else max(1, -(-high.bit_length() // 8))


def _dense(content: bytes, shape: list[int]) -> np.ndarray:
    places, values = _entries(content)
    array = np.zeros(shape, np.int64)
    array.ravel()[places] = values
    return array


def _entries(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Return the nonzero places and values of a sparse array."""
    steps, values = content[0], content[1]
    planes = np.frombuffer(content, np.uint8, offset=2).reshape(steps + values, -1)
    return np.cumsum(_join_bytes(planes[:steps])), _join_bytes(planes[steps:])


def _join_bytes(planes: np.ndarray) -> np.ndarray:
    """Return numbers from their bytes, the lowest first."""
    numbers = np.zeros(planes.shape[1], np.int64)
    for k, plane in enumerate(planes):
        numbers |= plane.astype(np.int64) << (8 * k)
    return numbers

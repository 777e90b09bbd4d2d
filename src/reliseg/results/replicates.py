"""The numbers of a run without each image or scene: on disk beside the results, for comparisons.

A file holds those of one model on one domain under one calibration. A number's replicates are kept as their distance
from the number, in float32: enough for the error of a difference, at half the size.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeAlias
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np
from pydantic_core import to_json

from reliseg.errors import DataError
from reliseg.results.rows import Row
from reliseg.runtime.atomic_files import write_atomically
from reliseg.runtime.regular_files import open_regular, reason_of
from reliseg.types import Float64

Key: TypeAlias = tuple[str, str, str, str, str]

FOLDER = "replicates"
_FORMAT = 1


@dataclass(frozen=True)
class UnitSet:
    """The images or scenes that a number is made of, in order, each with a digest of its files."""

    kind: str
    names: tuple[str, ...]
    digests: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Lefts:
    """What a number is without each of its units; of a number that compares two domains, one array for each."""

    values: tuple[Float64[np.ndarray, " u"], ...]
    units: tuple[UnitSet, ...]
    doubt: str = ""
    """Why an interval should not be relied on, whatever the numbers."""

    def are_paired_with(self, other: "Lefts") -> bool:
        """Tell if both are made of the same units."""
        return self.units == other.units


class About(NamedTuple):
    """A number to be written: its replicates, which lie about another value, with all units."""

    row: Row
    lefts: tuple[Float64[np.ndarray, " u"], ...]
    """Without each unit, in float64."""
    centre: float
    units: tuple[UnitSet, ...]
    doubt: str = ""


def number_key(row: Row) -> Key:
    """Return what tells a number from the others of its model, domain and calibration."""
    return row.fitted_on, row.score, row.metric, row.class_, row.definition


def write_replicates(folder: Path, origin: Row, numbers: Iterable[About]) -> Path:
    """Write the replicates of one model on one domain under one calibration, which any of its rows names."""
    sets: list[UnitSet] = []
    index = []
    columns, centres, values, sizes = [np.zeros(0)], list[float](), list[float](), list[int]()
    for row, lefts, centre, of_units, doubt in numbers:
        places = []
        for units in of_units:
            if units not in sets:
                sets.append(units)
            places.append(sets.index(units))
        index.append([*number_key(row), places, doubt])
        columns += lefts
        centres += [centre] * len(lefts)
        values += [row.value] * len(lefts)
        sizes += map(len, lefts)
    head = {"format": _FORMAT, "origin": _origin(origin), "units": [vars(s) for s in sets], "numbers": index}
    text = np.frombuffer(to_json(head), np.uint8)
    about = np.array(values, np.float64)
    distances = np.concatenate(columns) + np.repeat(about - np.array(centres, np.float64), sizes)
    distances -= np.repeat(about, sizes)
    path = _path(folder, origin)
    write_atomically(path, lambda file: _save(file, text, distances.astype("<f4")))
    return path


def _save(file: BinaryIO, index: np.ndarray, values: np.ndarray) -> None:
    """Write arrays as `numpy.savez` does, the index deflated.

    Values are stored as they are: their digits look random, so deflating them saves about an eighth of a file, and
    would take a tenth of the time of all metrics.
    """
    stored = ZipInfo("values.npy")
    with ZipFile(file, "w", ZIP_DEFLATED, compresslevel=1) as archive:
        for member, array in (("index.npy", index), (stored, values)):
            with archive.open(member, "w", force_zip64=True) as opened:
                np.lib.format.write_array(opened, array, allow_pickle=False)


class Replicates:
    """Reads the replicates of a run's rows; the last few files stay in memory.

    `fetch` is called with the name of each file in the run's folder before it is read there for the first time.
    """

    def __init__(self, run: str | Path, fetch: Callable[[str], None] | None = None) -> None:
        self._folder = Path(run) / FOLDER
        self._fetch = lru_cache(maxsize=None)(fetch) if fetch else None
        self._load = lru_cache(maxsize=16)(_read)

    def of(self, row: Row) -> Lefts | None:
        """Return the replicates of a row; None where it has none. A DataError where they cannot be read."""
        path = _path(self._folder, row)
        if self._fetch is not None:
            self._fetch(f"{FOLDER}/{path.parent.name}/{path.name}")
        if not path.exists():
            return None
        distances = self._load(path).get(number_key(row))
        if distances is None:
            return None
        return Lefts(tuple(row.value + d for d in distances.values), distances.units, distances.doubt)


def _read(path: Path) -> Mapping[Key, Lefts]:
    """Return the distances of all numbers of a file from their values."""
    try:
        with open_regular(path) as file, np.load(file, allow_pickle=False) as arrays:
            head: Any = json.loads(arrays["index"].tobytes())
            return _found(head, arrays["values"].astype(np.float64))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({reason_of(error)}); run reliseg results on its run") from error
    except Exception as error:  # numpy and zipfile raise anything
        raise DataError(f"{path}: not the replicates of a run; run reliseg results on its run again") from error


def _found(head: Any, values: Float64[np.ndarray, " k"]) -> Mapping[Key, Lefts]:
    """Return the distances that a file holds; an error of any kind where its head does not fit them."""
    if head["format"] != _FORMAT:
        raise ValueError("another format")
    sets = [UnitSet(s["kind"], tuple(s["names"]), tuple(s["digests"])) for s in head["units"]]
    found, at = {}, 0
    for *key, places, doubt in head["numbers"]:
        units = tuple(sets[place] for place in places)
        parts = []
        for of_set in units:
            parts.append(values[at : at + len(of_set.names)])
            at += len(of_set.names)
        found[_key(*key)] = Lefts(tuple(parts), units, str(doubt))
    if at != len(values):
        raise ValueError("numbers are missing")
    return found


def _key(fitted_on: str, score: str, metric: str, class_: str, definition: str) -> Key:
    return fitted_on, score, metric, class_, definition


def _path(folder: Path, row: Row) -> Path:
    """Return where the replicates of a row lie: names may be long, and hold what no file name may."""
    digest = hashlib.sha256(json.dumps(_origin(row)).encode()).hexdigest()
    return folder / digest[:2] / f"{digest[2:34]}.npz"


def _origin(row: Row) -> list[str]:
    return [row.model, row.dataset, row.domain, row.calibration]

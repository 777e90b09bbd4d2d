"""Fitted calibrations that a configuration loads: from the folder of a run or a file, here or in an object store."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from reliseg.calibration.records.record import RECORDS_FOLDER, Record, read_records
from reliseg.errors import ConfigError, suggestion
from reliseg.remote import Address, FetchError, Mirror, is_address


@dataclass(frozen=True, eq=False)
class StoredRecords:
    """The records of one place."""

    place: str
    """What users call it: a path, or an address."""
    by_model: Mapping[str, Sequence[Record]]
    is_file: bool
    """Whether it is one record, which may be of any model."""

    @classmethod
    def read(cls, place: str, folder: Path) -> "StoredRecords":
        """Read what lies at a path, from `folder` on, or at an address; a ConfigError says why it cannot be had."""
        if not is_address(place):
            path = folder / Path(place).expanduser()
            return cls(str(path), read_records(path), path.is_file())
        with _fetched(Address.of(place)) as path:
            try:
                return cls(place, read_records(path), path.is_file())
            except ConfigError as error:
                raise ConfigError(str(error).replace(str(path), place)) from error

    def of(self, models: Sequence[str]) -> Mapping[str, Sequence[Record]]:
        """Return those of each of these models; a ConfigError where one has none."""
        if self.is_file and len(models) == 1:
            return {models[0]: next(iter(self.by_model.values()))}
        for model in models:
            if model not in self.by_model:
                raise ConfigError(
                    f"{self.place}: no calibration of model {model!r}; {suggestion(model, self.by_model)}"
                )
        return {model: self.by_model[model] for model in models}


def load_records(stored: Sequence[StoredRecords], models: Sequence[str]) -> dict[str, tuple[Record, ...]]:
    """Return the records in these places for each model: those of its name; one file is any single model's."""
    by_model: dict[str, dict[str, Record]] = {name: {} for name in models}
    for one in stored:
        for model, records in one.of(models).items():
            for record in records:
                if by_model[model].setdefault(record.name, record) is not record:
                    raise ConfigError(f"{one.place}: {record.name} of {model} is loaded twice; load it once")
    return {model: tuple(records.values()) for model, records in by_model.items() if records}


@contextmanager
def _fetched(address: Address) -> Iterator[Path]:
    """Yield where a copy of the records at an address lies, of a folder or a file; they are small."""
    if not address.is_store:
        raise ConfigError(f"calibration: load: {address}: a web server lists no files; give s3:// or gs://, or a path")
    with tempfile.TemporaryDirectory(prefix="reliseg-") as copy:
        try:
            yield _fetch_file(address, Path(copy)) if address.path.endswith(".json") else _fetch(address, Path(copy))
        except FetchError as error:
            raise ConfigError(f"calibration: load: {error}") from error


def _fetch(address: Address, copy: Path) -> Path:
    """Fetch the records of a run, or of its folder `calibrations`."""
    for place, folder in ((address.below(RECORDS_FOLDER), copy / RECORDS_FOLDER), (address, copy)):
        mirror = Mirror(str(place), folder)
        names = [name for name in mirror.names() if len(PurePosixPath(name).parts) == 2]
        if any(name.endswith(".json") for name in names):
            for name in names:
                mirror.fetch(name)
            break
    return copy


def _fetch_file(address: Address, copy: Path) -> Path:
    """Fetch a record, and what lies beside it under its name."""
    path = PurePosixPath(address.path)
    above = str(path.parent).strip(".")
    mirror = Mirror(str(Address(address.scheme, address.host, above)), copy)
    for name in mirror.names(f"{path.stem}."):
        if "/" not in name:
            mirror.fetch(name)
    return mirror.fetch(path.name)

"""The folder of a run: where everything in it lies, and whose it is."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reliseg.calibration.records.record import RECORDS_FOLDER, record_file
from reliseg.config.scalars import read_as
from reliseg.config.yaml_files import parse_yaml
from reliseg.errors import ConfigError, shortlist
from reliseg.plan.plan import Plan, Shard, Target, shards
from reliseg.run.lock import LOCK_FILE, MARKER_FILE, lock_folder
from reliseg.runtime.atomic_files import is_temporary, remove_leftovers, write_text
from reliseg.runtime.file_names import ADDED_BYTES, NAME_BYTES, PATH_BYTES, name_bytes
from reliseg.runtime.regular_files import read_regular, reason_of

_CONFIG_LIMIT = 1 << 26
_SAVED = "saved"


@dataclass(frozen=True)
class RunFolder:
    """Every path in the folder of a run.

    ```
    config.yaml                                the whole configuration: a folder holds one run
    manifest.json                              versions, machine, settings, and the hashes of all files read
    inputs.sqlite                              the hashes of all files read, and when they were taken
    results.csv  .json  .parquet               the result table
    reliability.csv  fits.csv                  bins of reliability diagrams; what fits do to their own split
    calibrations/MODEL/NAME.json               fitted calibrations, with the files beside them
    statistics/MODEL/DATASET/DOMAIN/SCENE/*    shards of statistics
    samples/MODEL/DATASET/DOMAIN/SCENE/*       pixels and whole images that calibrations are fitted on, meanwhile
    saved/MODEL/DATASET/DOMAIN/SCENE/*         exported predictions
    ```
    """

    path: Path

    @property
    def config(self) -> Path:
        """The configuration with every default written out."""
        return self.path / "config.yaml"

    @property
    def manifest(self) -> Path:
        """The facts that results depend on."""
        return self.path / "manifest.json"

    @property
    def reliability(self) -> Path:
        """The bins of reliability diagrams."""
        return self.path / "reliability.csv"

    @property
    def fits(self) -> Path:
        """The numbers of calibration splits before and after calibration."""
        return self.path / "fits.csv"

    @property
    def hashes(self) -> Path:
        """What is known of the files that the run has read: it saves hashing them again."""
        return self.path / "inputs.sqlite"

    def results(self, kind: str) -> Path:
        """Return the path of the result table as `csv`, `json` or `parquet`."""
        return self.path / f"results.{kind}"

    def records(self, model: str) -> Path:
        """Return the folder of a model's fitted calibrations."""
        return self.path / RECORDS_FOLDER / model

    def record_files(self) -> list[Path]:
        """Return the JSON files of all fitted calibrations of all models."""
        return sorted((self.path / RECORDS_FOLDER).glob("*/*.json"))

    def shard(self, model: str, shard: Shard) -> Path:
        """Return the file of a shard's statistics."""
        return self.path / "statistics" / model / shard.path

    def samples(self, model: str) -> Path:
        """Return the folder of what a model's calibrations are fitted on: it is deleted when all are fitted."""
        return self.path / "samples" / model

    def pixels(self, model: str, shard: Shard) -> Path:
        """Return the path that the files of a shard's sampled pixels are named after."""
        return self.samples(model) / shard.path

    def sample_record(self, model: str, shard: Shard) -> Path:
        """Return the file that says what is sampled of a shard, and what it was sampled from."""
        return self.pixels(model, shard).with_suffix(".json")

    def whole_image(self, model: str, shard: Shard, place: int) -> Path:
        """Return what the names of the files of the image at this place of a shard begin with."""
        return self.pixels(model, shard).with_suffix(".whole") / f"{place:02d}"

    def export(self, model: str, target: Target, sample: str) -> Path:
        """Return what the names of the exported files of a sample begin with."""
        return self.path / _SAVED / model / target.dataset.name / target.domain.name / sample


def check_lengths(folder: RunFolder, plan: Plan) -> None:
    """Raise a ConfigError if a file of the run would have a name or a path that is too long to be written."""
    for path in _longest_paths(folder, plan):
        *folders, name = path.relative_to(folder.path).parts
        for part, length in [*((f, name_bytes(f)) for f in folders), (name, name_bytes(name) + ADDED_BYTES)]:
            if length > NAME_BYTES:
                raise ConfigError(
                    f"{part[:40]}...: a name of {length} bytes in the run's folder, and the limit is {NAME_BYTES}; "
                    "choose a shorter name, or give the domains that are fitted on together one by a union"
                )
        length = name_bytes(str(path)) + ADDED_BYTES
        if length > PATH_BYTES:
            raise ConfigError(
                f"--out: a path of {length} bytes would be needed, and the limit is {PATH_BYTES}; shorten it"
            )


def _longest_paths(folder: RunFolder, plan: Plan) -> Iterator[Path]:
    """Yield the longest paths of each kind that is named after something from outside."""
    targets = dict.fromkeys((*plan.domains(), *(member for fit in plan.fits for member in fit.members())))
    for model in (source.name for source in plan.models):
        for name in (name for fit in plan.fits for name, _ in fit.calibrations()):
            yield (folder.records(model) / record_file(name)).with_suffix(".safetensors")
        for target in targets:
            ids = (sample.id for sample in target.domain.samples)
            yield folder.export(model, target, max(ids, key=name_bytes, default="none"))
            yield folder.pixels(model, max(shards(target), key=lambda shard: name_bytes(str(shard.path))))


def check_writable(folder: Path) -> None:
    """Raise a ConfigError where this folder cannot be written, or not be made; nothing is made."""
    place = next(place for place in (folder, *folder.absolute().parents) if os.path.lexists(place))
    if not place.is_dir():
        raise ConfigError(f"{place} is not a folder; give another --out")
    if not os.access(place, os.W_OK | os.X_OK):
        raise ConfigError(f"{place}: cannot be written (permission denied); give another --out")


@contextmanager
def lock_run_folder(folder: RunFolder, configuration: str) -> Iterator[None]:
    """Hold the folder for this run. A ConfigError where it holds another run, or another process writes there."""
    _check_own(folder)
    with lock_folder(folder.path):
        _claim(folder, configuration)
        remove_leftovers(folder.path, leave_out=(_SAVED,))  # there may be millions of files
        yield


def differences(before: str, now: str) -> list[str]:
    """Return the places where two configurations (YAML or JSON) differ, like `calibration.0.methods`."""
    one, other = (read_as(parse_yaml(text), Any) for text in (before, now))
    return list(dict.fromkeys(_differences_below((), one, other)))


def _differences_below(place: tuple[str, ...], before: Any, now: Any) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*before, *now]):
            yield from _differences_below((*place, str(key)), before.get(key), now.get(key))
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for i, (one, other) in enumerate(zip(before, now, strict=True)):
            yield from _differences_below((*place, str(i)), one, other)
    elif before != now or type(before) is not type(now):
        yield ".".join(place)


def _check_own(folder: RunFolder) -> None:
    """Raise a ConfigError where there are files and no run: nothing is written among them."""
    try:
        others = [path for path in folder.path.iterdir() if not _is_ours(path.name)]
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unwritable_error(folder, error) from error
    if others and not os.path.lexists(folder.config):
        raise ConfigError(f"{folder.path} is not empty and holds no run; give another --out")


def _is_ours(name: str) -> bool:
    """Tell if this is what a run leaves that was killed before it had a configuration."""
    return name in (LOCK_FILE, MARKER_FILE) or is_temporary(name)


def _claim(folder: RunFolder, configuration: str) -> None:
    try:
        if folder.config.exists():
            stored = read_regular(folder.config, _CONFIG_LIMIT).decode(errors="replace")
            if stored != configuration:
                raise ConfigError(f"{folder.path} holds another run: {_difference_text(stored, configuration)}")
        else:
            write_text(folder.config, configuration)
    except OSError as error:
        raise _unwritable_error(folder, error) from error


def _difference_text(stored: str, configuration: str) -> str:
    try:
        places = [place for place in differences(stored, configuration) if place]
    except ValueError:  # it is no YAML any more
        places = []
    where = f" in {shortlist(places)}" if places else ""
    return f"its config.yaml differs{where}; undo that, or give another --out"


def _unwritable_error(folder: RunFolder, error: OSError) -> ConfigError:
    return ConfigError(f"{error.filename or folder.path}: cannot be written ({reason_of(error)}); give another --out")

"""The folder of a run: where everything in it lies, and whose it is."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reliseg.calibration.records.record import RECORDS_FOLDER, record_file
from reliseg.errors import ConfigError
from reliseg.plan.plan import Plan, Target
from reliseg.results.names import CORRUPTIONS_FILE, CURVES_FILE, INDEX_FILE, PICTURES_FOLDER
from reliseg.results.replicates import FOLDER
from reliseg.run.depot.base import Depot, LocalDepot
from reliseg.run.depot.open import fetch_run
from reliseg.run.lock import LOCK_FILE, MARKER_FILE, lock_folder, writing_to
from reliseg.runtime.atomic_files import is_temporary, remove_leftovers, write_text
from reliseg.runtime.file_names import ADDED_BYTES, NAME_BYTES, PATH_BYTES, name_bytes
from reliseg.runtime.regular_files import holds

_CONFIG_LIMIT = 1 << 26
_SAVED = "saved"


@dataclass(frozen=True)
class RunFolder:
    """Every path in the folder of a run.

    ```
    config.yaml                                the whole configuration that was asked last
    configurations/*                           all that were asked, and what each was answered with
    manifest.json                              versions, machine, settings, and the hashes of all files read
    results.csv  .json                         the result table
    reliability.csv  fits.csv                  bins of reliability diagrams; what fits do to their own split
    curves.json                                what charts need beside rows
    images.csv                                 a line for each image
    corruptions.csv                            what corruptions cost, where domains are corrupted
    results.parquet  images.parquet            both tables as Parquet, where they are asked for
    replicates/AB/*.npz                        each number without each image or scene, for comparisons
    pictures/index.json  pictures/*.npz        images, predictions and confidences to look at
    calibrations/MODEL/NAME.json               fitted calibrations, with the files beside them
    statistics/AB/PLACE/DIGEST.zip             statistics, by what determines them
    measured/AB/*.json.gz                      what was measured of a domain under a calibration, likewise
    fitted/PLACE/*                             calibrations, likewise
    models/*                                   what is known of models that were loaded
    inputs.sqlite                              what is known of files on this machine, and when that was found out
    samples/AB/PLACE/*                         pixels and whole images that calibrations are fitted on, meanwhile
    saved/MODEL/DATASET/DOMAIN/SCENE/*         exported predictions
    status/HOST-PID.json                       what each process does that works here
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
    def images(self) -> Path:
        """The numbers of single images."""
        return self.path / "images.csv"

    @property
    def corruptions(self) -> Path:
        """What corruptions cost."""
        return self.path / CORRUPTIONS_FILE

    @property
    def curves(self) -> Path:
        """Confusion matrices, curves and histograms: what charts need beside rows."""
        return self.path / CURVES_FILE

    @property
    def hashes(self) -> Path:
        """What is known of the files that the run has read: it saves hashing them again."""
        return self.path / "inputs.sqlite"

    @property
    def replicates(self) -> Path:
        """The numbers without each image or scene."""
        return self.path / FOLDER

    @property
    def pictures(self) -> Path:
        """Images, predictions and confidences to look at."""
        return self.path / PICTURES_FOLDER

    @property
    def picture_index(self) -> Path:
        """Which pictures show what."""
        return self.pictures / INDEX_FILE

    def results(self, kind: str) -> Path:
        """Return the path of the result table as `csv` or `json`."""
        return self.path / f"results.{kind}"

    def records(self, model: str) -> Path:
        """Return the folder of a model's fitted calibrations."""
        return self.path / RECORDS_FOLDER / model

    def record_files(self) -> list[Path]:
        """Return the JSON files of all fitted calibrations of all models."""
        return sorted((self.path / RECORDS_FOLDER).glob("*/*.json"))

    @property
    def statistics(self) -> Path:
        """The store of statistics."""
        return self.path / "statistics"

    @property
    def measured(self) -> Path:
        """What was measured before."""
        return self.path / "measured"

    @property
    def models(self) -> Path:
        """What is known of models that were loaded."""
        return self.path / "models"

    @property
    def configurations(self) -> Path:
        """What was asked, and what it was answered with."""
        return self.path / "configurations"

    def fitted(self, digest: str) -> Path:
        """Return the folder of a calibration, by a digest of what determines it."""
        return self.path / "fitted" / digest

    @property
    def samples(self) -> Path:
        """What calibrations are fitted on: what those of a configuration read is deleted when all are fitted."""
        return self.path / "samples"

    def samples_of(self, place: str) -> Path:
        """Return the folder of a shard's samples, by a digest of what determines them."""
        return self.samples / place[:2] / place

    def claim(self, configuration: str) -> None:
        """Write the configuration that is asked now. A ConfigError where the folder cannot be written."""
        with writing_to(self.path):
            if not holds(self.config, configuration.encode()):
                write_text(self.config, configuration)

    def export(self, model: str, target: Target, sample: str) -> Path:
        """Return what the names of the exported files of a sample begin with."""
        return self.path / _SAVED / model / target.dataset.name / target.domain.name / sample


def check_lengths(folder: RunFolder, plan: Plan, ending: str = "") -> None:
    """Raise a ConfigError if a file of the run would have a name or a path that is too long to be written.

    `ending` is what the names of exported files end with, beside what all have room for.
    """
    for path in _longest_paths(folder, plan, ending):
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


def _longest_paths(folder: RunFolder, plan: Plan, ending: str) -> Iterator[Path]:
    """Yield the longest paths of each kind that is named after something from outside."""
    targets = dict.fromkeys((*plan.domains(), *(member for fit in plan.fits for member in fit.members())))
    for model in sorted((source.name for source in plan.models), key=name_bytes)[-1:]:
        for name in (name for fit in plan.fits for name, _ in fit.calibrations()):
            yield (folder.records(model) / record_file(name)).with_suffix(".safetensors")
        for target in targets:
            ids = (sample.id for sample in target.domain.samples)
            yield folder.export(model, target, f"{max(ids, key=name_bytes, default='none')}{ending}")


def check_writable(folder: Path) -> None:
    """Raise a ConfigError where this folder cannot be written, or not be made; nothing is made."""
    place = next(place for place in (folder, *folder.absolute().parents) if os.path.lexists(place))
    if not place.is_dir():
        raise ConfigError(f"{place} is not a folder; give another --out")
    if not os.access(place, os.W_OK | os.X_OK):
        raise ConfigError(f"{place}: cannot be written (permission denied); give another --out")


@contextmanager
def hold_run_folder(folder: RunFolder, depot: Depot | None = None, *, shared: bool = False) -> Iterator[None]:
    """Hold the folder for a run, or beside other parts of it.

    A ConfigError where another process writes there, or where something else lies there.
    """
    _check_own(folder)
    with lock_folder(folder.path, shared=shared):
        if not shared:
            remove_leftovers(folder.path, leave_out=(_SAVED,))  # there may be millions of files
        yield
    (depot or LocalDepot()).trim()


def look_at_run(folder: RunFolder, depot: Depot) -> None:
    """Have here what every run looks at first; a ConfigError where there are files and no run."""
    fetch_run(folder.path, depot, _is_ours)


def _check_own(folder: RunFolder) -> None:
    """Raise a ConfigError where there are files and no run: nothing is written among them."""
    if not os.path.lexists(folder.path):
        return
    with writing_to(folder.path):
        others = [path for path in folder.path.iterdir() if not _is_ours(path.name)]
    if others and not os.path.lexists(folder.config):
        raise ConfigError(f"{folder.path} is not empty and holds no run; give another --out")


def _is_ours(name: str) -> bool:
    """Tell if this is what a run makes before it has a configuration; it may be killed then, or be at work."""
    own = (LOCK_FILE, MARKER_FILE, "status", "configurations", "models")
    return name in own or name.startswith("inputs.sqlite") or is_temporary(name)

"""The folder of a run by what users call it: a path, or the address of a place in an object store."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from reliseg.errors import ConfigError
from reliseg.remote import FetchError, Mirror, run_address
from reliseg.remote.settings import cache_folder
from reliseg.results.names import PICTURES_FOLDER
from reliseg.results.replicates import FOLDER
from reliseg.run.depot.base import Depot, LocalDepot
from reliseg.run.depot.mirrored import MirroredDepot

COPIES = "runs"
"""The folder of the cache that holds the copies of runs."""


def open_depot(out: str | Path) -> tuple[Path, Depot]:
    """Return the folder to work in, and what keeps its files for others; a ConfigError where this can be no run's."""
    found = run_address(str(out))
    if found is None:
        return Path(out), LocalDepot()
    address = str(found)
    try:
        return folder_of_copy(address), MirroredDepot(Mirror(address, folder_of_copy(address)))
    except FetchError as error:
        raise ConfigError(f"--out {error}") from error


def folder_of_copy(address: str) -> Path:
    """Return where the copy of a run lies on this machine."""
    return cache_folder() / COPIES / hashlib.sha256(address.encode()).hexdigest()[:32]


def place_of_run(run: str | Path) -> str:
    """Return the one text that tells a run from others, whichever path leads to it."""
    address = run_address(str(run))
    return str(Path(run).resolve()) if address is None else str(address)


def fetch_run(folder: Path, depot: Depot, is_ours: Callable[[str], bool]) -> None:
    """Have here what every run looks at first; a ConfigError where there are files and no run."""
    names = depot.names()
    if names and _CONFIG not in names and not all(map(is_ours, names)):
        raise ConfigError(f"{depot.name(folder)} is not empty and holds no run; give another --out")
    for stem in _TABLES:
        depot.fetch(folder, stem=stem)
    depot.fetch(folder / "configurations", folder / "models")


def keep_tables(folder: Path) -> None:
    """Remove what a run has stored of its work: statistics, samples and what it knows of files."""
    for path in folder.iterdir():
        if path.name not in (FOLDER, PICTURES_FOLDER) and not path.name.startswith(_TABLES):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@contextmanager
def watched_folder(run: str) -> Iterator[Callable[[], Path]]:
    """Yield what gives a folder with the files by which a run is watched, as they are then."""
    folder, depot = open_depot(run)
    if not depot.is_elsewhere:
        yield lambda: folder
        return
    with tempfile.TemporaryDirectory(prefix="reliseg-") as copy:
        watching = MirroredDepot(Mirror(run, Path(copy)))

        def look() -> Path:
            watching.look_again()
            watching.fetch(Path(copy), stem=_CONFIG)
            watching.fetch(Path(copy, "status"))
            return Path(copy)

        yield look


_CONFIG = "config.yaml"
_CSV = ("reliability.csv", "fits.csv", "images.csv", "corruptions.csv")
_TABLES = (_CONFIG, "manifest.json", "results.", "curves.json", *_CSV)

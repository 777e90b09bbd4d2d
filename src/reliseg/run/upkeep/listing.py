"""What lies in a run's folder, file by file, while other processes may write there."""

import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from reliseg.calibration.records.promises import promises_file
from reliseg.calibration.records.thresholds import thresholds_file
from reliseg.plan.plan import IDENTITY
from reliseg.run.fit.sample_records import SampleRecord
from reliseg.run.folder import RunFolder
from reliseg.run.store.store import Place
from reliseg.runtime.regular_files import read_regular

_LARGEST = 1 << 30
_PLACE = re.compile(r"[0-9a-f]{32}")
_PIECE = re.compile(r"[0-9a-f]{32}\.zip")
_KEPT = re.compile(r"[0-9a-f]{64}\.json\.gz")
_REPLICATES = re.compile(r"[0-9a-f]{30,64}\.npz")
_CONFIGURATION = re.compile(r"[0-9a-f]{16}\.(yaml|json)")
_MODEL = re.compile(r"[0-9a-f]{32}\.json")


def places(folder: RunFolder) -> Iterator[Place]:
    """Yield the places of statistics."""
    for first in _names(folder.statistics):
        for name in _names(folder.statistics / first) if re.fullmatch(r"[0-9a-f]{2}", first) else ():
            if _PLACE.fullmatch(name) and name.startswith(first):
                yield Place(name)


def pieces(folder: RunFolder, place: Place) -> list[Path]:
    """Return the files of pieces in a place."""
    path = folder.statistics / place[:2] / place
    return [path / name for name in _names(path) if _PIECE.fullmatch(name)]


def all_pieces(folder: RunFolder) -> Iterator[Path]:
    """Yield the files of all pieces."""
    return (path for place in places(folder) for path in pieces(folder, place))


def older_statistics(folder: RunFolder) -> Path | None:
    """Return a file of statistics that lies where earlier versions have written them; None where there is none."""
    strangers = (folder.statistics / n for n in _names(folder.statistics) if not re.fullmatch(r"[0-9a-f]{2}", n))
    return next((path for stranger in strangers for path in stranger.rglob("*.zip")), None)


def fitted_places(folder: RunFolder) -> Iterator[Path]:
    """Yield the folders of fitted calibrations."""
    above = folder.fitted("")
    return (above / name for name in _names(above) if _PLACE.fullmatch(name))


def sample_record_files(folder: RunFolder) -> list[Path]:
    """Return the files that say what is sampled, whole or in parts: `AB/PLACE/NAME.json`."""
    return [path for place in sample_places(folder) for path in sorted(place.glob("*.json"))]


def sample_places(folder: RunFolder) -> Iterator[Path]:
    """Yield the places of samples."""
    for first in _names(folder.samples):
        for name in _names(folder.samples / first) if re.fullmatch(r"[0-9a-f]{2}", first) else ():
            if _PLACE.fullmatch(name) and name.startswith(first):
                yield folder.samples / first / name


def sampled_files(path: Path, record: SampleRecord) -> dict[Path, str]:
    """Return the files of samples and their sha256. A ValueError where one would lie elsewhere than the record."""
    for name in record.files:
        inner = PurePosixPath(name)
        if inner.is_absolute() or ".." in inner.parts:
            raise ValueError(f"{name} lies elsewhere")
    return {path.parent / name: digest for name, digest in record.files.items()}


def measured_files(folder: RunFolder) -> Iterator[Path]:
    """Yield what was measured, `AB/NAME.json.gz`: after the replicates that it speaks of, `AB/NAME.npz`."""
    for above, pattern in ((folder.replicates, _REPLICATES), (folder.measured, _KEPT)):
        for first in _names(above):
            for name in _names(above / first) if re.fullmatch(r"[0-9a-f]{2}", first) else ():
                if pattern.fullmatch(name):
                    yield above / first / name


def configuration_files(folder: RunFolder) -> list[Path]:
    """Return the configurations that were asked, and what they were answered with."""
    return [folder.configurations / n for n in _names(folder.configurations) if _CONFIGURATION.fullmatch(n)]


def model_files(folder: RunFolder) -> list[Path]:
    """Return the files with what is known of models."""
    return [folder.models / n for n in _names(folder.models) if _MODEL.fullmatch(n)]


def files_of_results(folder: RunFolder) -> Iterator[str]:
    """Yield the files of the calibrations that belong to the results which lie there, from the folder of the run."""
    try:
        facts = json.loads(read_regular(folder.manifest, _LARGEST))
        places = [*facts["calibrations"], *(f"{model}/{IDENTITY}" for model in facts["models"])]
        names = [folder.records("") / f"{place}.json" for place in places]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return
    for path in names:
        for file in (path, path.with_suffix(".safetensors"), thresholds_file(path), promises_file(path)):
            yield str(file.relative_to(folder.path))


def _names(folder: Path) -> list[str]:
    """Return what lies in a folder; nothing where it is gone."""
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError:
        return []

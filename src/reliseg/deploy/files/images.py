"""Where images lie that are to be predicted: a folder, a pattern, a list, one file."""

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reliseg.data import Domain, Sample
from reliseg.data.endings import PICTURES
from reliseg.errors import ConfigError
from reliseg.runtime.text_files import read_text

_SCENE = "images"
_WILD = frozenset("*?[")
_LIST_LIMIT = 1 << 28


@dataclass(frozen=True)
class FoundImages:
    """Images below a folder, as samples of a domain."""

    root: Path
    domain: Domain

    @property
    def samples(self) -> Sequence[Sample]:
        """The images, in the order of their names."""
        return self.domain.samples


def find_images(places: Sequence[str]) -> FoundImages:
    """Return the images in these places; a ConfigError where there are none, or two would have the same files.

    A place is a folder (with those below it), a pattern like `frames/*.png`, a `.txt` file with a path a line, or an
    image. Paths in a list start at its folder.
    """
    paths = list(dict.fromkeys(Path(os.path.abspath(path)) for place in places for path in _paths(place)))  # noqa: PTH100  # links keep their names
    root = Path(os.path.commonpath([path.parent for path in paths]))
    by_id: dict[str, Path] = {}
    samples = []
    for path in sorted(paths):
        relative = path.relative_to(root)
        sample = Sample(f"{_SCENE}/{relative.with_suffix('').as_posix()}", _SCENE, relative.as_posix(), None)
        other = by_id.setdefault(sample.id, path)
        if other is not path:
            raise ConfigError(f"{other} and {path} would be written to the same files; rename one, or give one alone")
        samples.append(sample)
    return FoundImages(root, Domain(_SCENE, tuple(sorted(samples)), annotated=False))


def output_name(sample: Sample) -> str:
    """Return what the names of the files of an image begin with, below the folder that they are written to."""
    return sample.id.removeprefix(f"{_SCENE}/")


def _paths(place: str) -> Iterable[Path]:
    path = Path(place).expanduser()
    if path.is_dir():
        found = [p for p in path.rglob("*") if p.suffix[1:].lower() in PICTURES and p.is_file()]
        return _some(found, f"{place}: no image lies in this folder; they end in png, jpg ..")
    if path.suffix.lower() == ".txt" and path.is_file():
        lines = [line.strip() for line in read_text(path, _LIST_LIMIT).splitlines()]
        listed = [path.parent / Path(line).expanduser() for line in lines if line and not line.startswith("#")]
        lost = [p for p in listed if not p.is_file()]
        if lost:
            raise ConfigError(f"{place}: it lists {lost[0]}, which is no file; paths start at the folder of the list")
        return _some(listed, f"{place}: it lists no image; write a path on each line")
    if path.is_file():
        return [path]
    if _WILD.intersection(place):
        found = [Path(name) for name in glob.glob(str(path), recursive=True) if Path(name).is_file()]  # noqa: PTH207  # from any root
        return _some(found, f"{place}: no file has such a name; is the pattern in quotes?")
    raise ConfigError(f"{place}: no such folder, list or image; give DIR, 'DIR/*.png', LIST.txt or an image")


def _some(found: Sequence[Path], problem: str) -> Sequence[Path]:
    if not found:
        raise ConfigError(problem)
    return found
